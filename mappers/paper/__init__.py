"""Paper: a sheet as plain text and as PDF. Pure, and blind to the other dialects."""
