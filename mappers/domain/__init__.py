"""The vocabulary: frozen facts with their invariants. Standard library only, no dialect's names."""
