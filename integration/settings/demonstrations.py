"""Demonstration checkpoints among the models of the settings: where they are let in, and where not."""

from __future__ import annotations

from collections.abc import Mapping

from inference import demo
from integration.settings.models import ModelSettings


def refuse(models: Mapping[str, ModelSettings]) -> None:
    """Refuse a model that is a demonstration checkpoint, wherever it lies.

    Raises:
        ValueError: names the setting and what to do; never the path.
    """
    for name, model in models.items():
        if demo.is_demonstration(model.model):
            raise ValueError(
                f"models.{name}.model is a demonstration checkpoint and no medical model: "
                "it loads only with demo = true, where nothing is for patients"
            )


def shipped() -> dict[str, ModelSettings]:
    """The checkpoints that Wardwire ships, by the names of models that they stand in for."""
    found = {name: demo.folder(name) for name in demo.NAMES}
    return {name: ModelSettings(model=str(folder)) for name, folder in found.items() if folder}


def without(models: Mapping[str, ModelSettings]) -> dict[str, ModelSettings]:
    """The models that are no demonstration."""
    return {name: model for name, model in models.items() if not demo.is_demonstration(model.model)}
