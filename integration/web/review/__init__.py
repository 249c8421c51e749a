"""The pages of sign-off: what waits, a draft beside its source, and the forms of a decision."""
