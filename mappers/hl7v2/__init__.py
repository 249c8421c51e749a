"""HL7 v2 (ER7): bytes to tokens, tokens to the domain, and acknowledgements back."""
