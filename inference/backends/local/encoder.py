"""MedSigLIP in this process: how well sentences fit a picture; 448 pixels a side, 64 tokens a sentence."""

from __future__ import annotations

import warnings
from typing import Any, Final

from inference.backends.local.loading import LocalModel
from inference.backends.local.weights import digest
from inference.backends.pictures import opened
from inference.errors import BackendMisconfigured, BackendUnavailable, InputRefused, Refusal
from inference.ports import ModelCard, Picture

_KIND: Final = "siglip"


class LocalEncoder:
    """A warm model of the SigLIP class; used by one thread at a time."""

    def __init__(self, settings: LocalModel) -> None:
        self._settings = settings
        self._card: ModelCard | None = None
        self._model: Any = None
        self._processor: Any = None

    def start(self) -> None:
        """Load the weights and keep them.

        Raises:
            BackendMisconfigured: no checkpoint is there, or it is of another class.
            BackendUnavailable: the libraries are not installed, or memory does not suffice.
        """
        try:
            import torch  # noqa: PLC0415
            from transformers import AutoModel, AutoProcessor  # noqa: PLC0415
        except ImportError:
            raise BackendUnavailable(
                "torch and transformers are missing: pip install 'wardwire[models]'"
            ) from None
        chosen = self._settings
        where = {"revision": chosen.revision, "local_files_only": True}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = AutoModel.from_pretrained(chosen.model, dtype=getattr(torch, chosen.dtype), **where)
                self._processor = AutoProcessor.from_pretrained(chosen.model, **where)
        except (OSError, ValueError, KeyError) as error:
            raise BackendMisconfigured(f"no checkpoint of the SigLIP class at {chosen.model}") from error
        except torch.OutOfMemoryError:
            raise BackendUnavailable("the device has too little memory for the weights") from None
        if model.config.model_type != _KIND:
            kind = model.config.model_type
            raise BackendMisconfigured(f"{chosen.model} is of the kind {kind}, not {_KIND}")
        self._model = model.to(chosen.device).eval()
        self._card = ModelCard(
            id=chosen.name or chosen.model,
            revision=getattr(model.config, "_commit_hash", None) or chosen.revision,
            weights_digest=digest(chosen.model, model),
            backend="transformers",
            demonstration=chosen.demonstration,
        )

    def close(self) -> None:
        """Let the weights go."""
        self._model = self._processor = None

    @property
    def card(self) -> ModelCard:
        """The model as it was loaded.

        Raises:
            BackendUnavailable: before `start`.
        """
        if self._card is None:
            raise BackendUnavailable("the model has not been started")
        return self._card

    def scores(self, picture: Picture, texts: tuple[str, ...]) -> tuple[float, ...]:
        """One score for each text: together 1, the best text has the highest.

        Raises:
            BackendUnavailable: before `start` or after `close`.
            InputRefused: a text is longer than the model's text tower.
        """
        if self._model is None:
            raise BackendUnavailable("the model has not been started")
        import torch  # noqa: PLC0415

        # The text tower was trained on texts padded to its full length.
        longest = int(self._model.config.text_config.max_position_embeddings)
        tokens = self._processor.tokenizer(list(texts), padding="max_length", max_length=longest)
        if any(len(ids) > longest for ids in tokens["input_ids"]):
            raise InputRefused(Refusal.TOO_LARGE, f"a text has more than {longest} tokens")
        inputs = self._processor(
            text=list(texts),
            images=opened(picture.png),
            padding="max_length",
            max_length=longest,
            return_tensors="pt",
        ).to(self._settings.device)
        inputs["pixel_values"] = inputs["pixel_values"].to(getattr(torch, self._settings.dtype))
        with torch.inference_mode():
            logits = self._model(**inputs).logits_per_image[0].float()
        return tuple(float(score) for score in logits.softmax(-1))
