"""Models in this process, by transformers: the only room that imports torch, and only when a model starts."""

from inference.backends.local.generator import LocalGenerator, LocalModel

__all__ = ["LocalGenerator", "LocalModel"]
