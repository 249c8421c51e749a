"""The tables of the settings file about documents and the models that help to read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from integration.settings.fhir import FhirAuthSettings, Url
from integration.settings.section import Section, TlsSettings
from integration.settings.sections import is_loopback


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
    """One model: `medgemma` reads and arranges, `medsiglip` checks images, `medasr` hears."""

    backend: Literal["transformers", "openai", "vertex", "scripted"] = Field(
        default="transformers",
        description="What runs it: transformers on this machine; a server with OpenAI's interface (vLLM, "
        "llama.cpp); the publisher's container or Vertex AI (medasr); or scripted: answers from a file.",
    )
    model: str = Field(
        description="Id on a hub, or a local folder; its name on a server; for scripted a JSON file: "
        "answers, used in turn."
    )
    revision: str = Field(
        default="main", description="Commit, tag or branch to load, where `model` is an id."
    )
    dtype: Literal["float32", "bfloat16"] = Field(
        default="float32",
        description="Number format of the weights; float16 overflows in the Gemma 3 family and is no choice.",
    )
    device: str = Field(default="cpu", description="Where it runs: cpu, cuda, cuda:1.")
    adapter: Path | None = Field(
        default=None, description="Folder with a LoRA adapter (peft) for the model; transformers only."
    )
    max_prompt_tokens: int = Field(
        default=32_768, ge=512, description="Longest prompt in tokens, 256 for each image; transformers only."
    )
    max_images: int = Field(
        default=16,
        ge=1,
        description="Most images of one prompt; more are refused. A server has its limit too.",
    )
    images_at_once: int = Field(
        default=16, ge=1, description="Images of all prompts that are with the model at one time."
    )
    max_waiting: int = Field(
        default=32, ge=1, description="Prompts in line behind those; what comes then is told to come again."
    )
    answer_seconds: float = Field(
        default=600.0, gt=0, description="Longest wait for an answer; transformers only."
    )
    load_seconds: float = Field(default=900.0, gt=0, description="Longest wait for a model to load.")
    threshold: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Least score with which medsiglip must take an image for what it is said to be, from "
        "your own evaluation; without one scores are recorded and nothing is blocked.",
    )
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
    def is_remote(self) -> bool:
        """Whether evidence leaves this machine for it."""
        base = self.host.base
        return base is not None and not is_loopback(urlsplit(base).hostname or "")

    @property
    def folder(self) -> Path | None:
        """The local folder or file, where there is one."""
        path = Path(self.model)
        return path if path.exists() else None


def unsafe_hosts(models: Mapping[str, ModelSettings]) -> Iterator[str]:
    """What has to be accepted in writing before records leave for models elsewhere."""
    for name, model in models.items():
        host = model.host
        if host.base is None or is_loopback(urlsplit(host.base).hostname or ""):
            continue
        if host.base.startswith("http://") and host.plaintext != "accepted":
            yield (
                f"models.{name}.host.base: a server without TLS is refused; write https, "
                f'or models.{name}.host.plaintext = "accepted" if the network itself is protected'
            )
        if host.disclosure != "accepted" or not host.region:
            yield (
                f"models.{name}.host: records of patients would leave this machine; set models.{name}.host"
                f'.disclosure = "accepted" and .region, if who is responsible for them agrees'
            )
