"""Segments (chapters 2, 3, 4, 7) to the domain, one module per segment, named after it.

A field is taken only when its fact reaches the domain object; what a segment says beyond that is named in the
ledger. Must not know which message a segment came in, nor its place in it.
"""
