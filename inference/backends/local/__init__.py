"""Models in this process, by transformers: the only room that imports torch, and only when a model starts."""

from inference.backends.local.generator import LocalGenerator, LocalModel
from inference.backends.local.speech import LanguageModel, LocalSpeech
from inference.backends.local.transcriber import LocalTranscriber

__all__ = ["LanguageModel", "LocalGenerator", "LocalModel", "LocalSpeech", "LocalTranscriber"]
