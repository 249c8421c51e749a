"""Ports to models, clinical tasks, media readers and model backends. Knows the domain, never a dialect."""
