"""The tables of the settings file about documents and the models that help to read them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from integration.settings.section import Section


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


class ModelSettings(Section):
    """One model. `medgemma` helps to read laboratory reports."""

    backend: Literal["transformers", "scripted"] = Field(
        default="transformers", description="What runs it: transformers, or scripted: answers from a file."
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

    @property
    def folder(self) -> Path | None:
        """The local folder or file, where there is one."""
        path = Path(self.model)
        return path if path.exists() else None
