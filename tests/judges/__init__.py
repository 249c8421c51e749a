"""Validators that we did not write, over resources that we did: each in a virtual environment of its own."""
