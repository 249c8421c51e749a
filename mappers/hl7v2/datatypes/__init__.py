"""HL7 v2 data types (chapter 2A) to the domain: one function per type, named after it.

Each takes the `Element` that holds the type, takes from it only what reaches the value it returns, and says
in issues what it forgave. None means that there was nothing to read. Must not know segments or identities.
"""
