"""Bytes of documents, images and sound to what a task reads, with limits and without network."""
