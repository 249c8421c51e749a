"""The domain as HL7 v2 messages for one recipient: its version, character set and delimiters.

Strict where reading is lenient: nothing is written that the recipient's version does not define, and no
character that its character set does not have. Knows nothing of connections or files.
"""
