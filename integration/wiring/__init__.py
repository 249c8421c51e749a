"""The one place where the concrete world is built: from settings to running roles.

Nothing is imported here: each role loads its own rooms, so that the listener stays light.
"""
