"""Processes, sockets, HTTP, database, time and keys: everything of Wardwire that touches the world."""
