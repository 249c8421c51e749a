"""The tables of the settings file about documents and the models that help to read them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from integration.settings.fhir import FhirAuthSettings, Url
from integration.settings.section import Section, TlsSettings


class InferenceSettings(Section):
    """Reading documents: how much of them, and how many at a time."""

    concurrency: int = Field(
        default=1,
        ge=1,
        description="Messages whose documents one worker reads at a time: what a device bears.",
    )
    max_attempts: int = Field(
        default=5, ge=1, description="Attempts to reach a model before a document is read without it."
    )
    ai_profiles: bool = Field(
        default=False,
        description="Claim the profiles of AI Transparency on FHIR (not published yet) in meta.profile.",
    )
    max_pages: int = Field(
        default=20, ge=1, description="Pages of one document that are read; the rest is named."
    )
    max_audio_minutes: float = Field(
        default=180.0, gt=0, description="Longest recording that is heard; a longer one is refused."
    )


class ModelHostSettings(Section):
    """The server of a model that runs elsewhere. Whatever it is asked leaves this machine."""

    base: Url = Field(
        default=None,
        description="Its address: for openai it ends in /v1, for vertex it is the route of prediction "
        "(…:rawPredict, or that of the publisher's container).",
    )
    plaintext: Literal["refused", "accepted"] = Field(
        default="refused", description="A server off loopback without TLS must be accepted in writing here."
    )
    disclosure: Literal["refused", "accepted"] = Field(
        default="refused",
        description="That records of patients go to a server off loopback must be accepted in writing here.",
    )
    region: str = Field(
        default="",
        description="Where that server stands, e.g. europe-west4; needed off loopback, kept with each run.",
    )
    auth: FhirAuthSettings = Field(default=FhirAuthSettings(), description="Who Wardwire is to this server.")
    tls: TlsSettings = Field(
        default=TlsSettings(), description="Client certificate, and who signs the server's."
    )
    answer_seconds: float = Field(
        default=300.0, gt=0, description="Longest silence while an answer is awaited."
    )


class ModelSettings(Section):
    """One model. `medgemma` helps with laboratory reports and arranges dictations, `medasr` hears."""

    backend: Literal["transformers", "openai", "vertex", "scripted"] = Field(
        default="transformers",
        description="What runs it: transformers in this process; a server with OpenAI's interface (medasr); "
        "the publisher's container or Vertex AI (medasr); or scripted: answers from a file.",
    )
    model: str = Field(
        description="Id on a hub, or a local folder; for scripted a JSON file: answers, used in turn."
    )
    revision: str = Field(
        default="main", description="Commit, tag or branch to load, where `model` is an id."
    )
    dtype: Literal["float32", "bfloat16"] = Field(
        default="float32", description="Number format of the weights."
    )
    device: str = Field(default="cpu", description="Where it runs: cpu, cuda, cuda:1.")

    language_model: Path | None = Field(
        default=None,
        description="n-gram model of kenlm over the pieces of medasr: a beam search instead of the best of "
        "each frame.",
    )
    language: str = Field(
        default="en", description="Language that an openai recogniser is told; empty lets it find out."
    )
    host: ModelHostSettings = Field(
        default=ModelHostSettings(), description="Where openai and vertex run it."
    )

    @model_validator(mode="after")
    def _hosted(self) -> ModelSettings:
        if self.backend in {"openai", "vertex"} and self.host.base is None:
            raise ValueError(f"{self.backend} needs host.base")
        return self

    @property
    def folder(self) -> Path | None:
        """The local folder or file, where there is one."""
        path = Path(self.model)
        return path if path.exists() else None
