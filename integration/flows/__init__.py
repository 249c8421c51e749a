"""One function a story. Flows know the domain, the dialects, the store and their ports; no sockets."""
