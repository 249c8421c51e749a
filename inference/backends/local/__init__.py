"""Models on this machine, by transformers: the only room that imports torch, and only when a model starts."""

from inference.backends.local.encoder import LocalEncoder
from inference.backends.local.generator import LocalGenerator
from inference.backends.local.loading import LocalModel
from inference.backends.local.speech import LanguageModel, LocalSpeech
from inference.backends.local.transcriber import LocalTranscriber

__all__ = [
    "LanguageModel",
    "LocalEncoder",
    "LocalGenerator",
    "LocalModel",
    "LocalSpeech",
    "LocalTranscriber",
]
