"""Recognisers that are reached over HTTP, and one that says what it was told to say."""

from inference.backends.speech.google import GoogleTranscriber
from inference.backends.speech.openai import OpenAITranscriber
from inference.backends.speech.scripted import ScriptedTranscriber

__all__ = ["GoogleTranscriber", "OpenAITranscriber", "ScriptedTranscriber"]
