"""From a folder or an id to a model of the Gemma 3 family in memory. Nothing is downloaded here.

| config.json says | it is | it reads |
|---|---|---|
| gemma3 | MedGemma 1.5 4B, MedGemma 1 4B and 27B | texts and pictures |
| gemma3_text | MedGemma 1 27B text | texts |
| anything else | refused | |
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from inference.backends.local.weights import digest
from inference.errors import BackendMisconfigured, BackendUnavailable
from inference.ports import ModelCard

DTYPES: Final = ("float32", "bfloat16")
_TEXT: Final = "gemma3_text"
_KINDS: Final = ("gemma3", _TEXT)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """Which model runs and how.

    Attributes:
        model: folder with the checkpoint, or the id of one that is already in the local cache.
        revision: commit of the checkpoint, where `model` is an id.
        adapter: folder with a LoRA adapter (peft); "" for none.
        dtype: "float32" or "bfloat16".
        device: "cpu", "cuda", "cuda:1".
        longest_prompt: in tokens, pictures included (256 each).
        name: on the card, where it is another than `model`.
        demonstration: a checkpoint that shows how things work and knows nothing.
    """

    model: str
    revision: str = "main"
    adapter: str = ""
    dtype: str = "float32"
    device: str = "cpu"
    longest_prompt: int = 32_768
    name: str = ""
    demonstration: bool = False

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise BackendMisconfigured(
                f"dtype must be one of {', '.join(DTYPES)}: float16 overflows in this family"
            )


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory.

    Attributes:
        processor: of texts and pictures, or of texts alone.
        sees: whether it reads pictures.
    """

    model: Any
    processor: Any
    sees: bool
    card: ModelCard

    @property
    def tokenizer(self) -> Any:
        """Of the processor, or the processor itself."""
        return getattr(self.processor, "tokenizer", self.processor)

    @property
    def vocabulary(self) -> int:
        """Tokens that the model gives scores for: more than its tokenizer has."""
        return int(self.model.config.get_text_config().vocab_size)

    @property
    def stops(self) -> tuple[int, ...]:
        """Tokens that end an answer."""
        stop = self.model.generation_config.eos_token_id
        return (stop,) if isinstance(stop, int) else tuple(sorted(stop))


def load(chosen: LocalModel) -> Loaded:
    """Load the weights.

    Raises:
        BackendMisconfigured: no checkpoint of this family is there, or no adapter for it.
        BackendUnavailable: the libraries are not installed, or memory does not suffice.
    """
    try:
        import torch  # noqa: PLC0415
        import transformers  # noqa: PLC0415
    except ImportError:
        raise BackendUnavailable(
            "torch and transformers are missing: pip install 'wardwire[models]'"
        ) from None
    where = {"revision": chosen.revision, "local_files_only": True}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind = transformers.AutoConfig.from_pretrained(chosen.model, **where).model_type
            if kind not in _KINDS:
                raise BackendMisconfigured(f"{chosen.model} is of the kind {kind}, not of the Gemma 3 family")
            sees = kind != _TEXT
            reader = transformers.AutoProcessor if sees else transformers.AutoTokenizer
            family = transformers.Gemma3ForConditionalGeneration if sees else transformers.Gemma3ForCausalLM
            processor = reader.from_pretrained(chosen.model, **where)
            model = family.from_pretrained(chosen.model, dtype=getattr(torch, chosen.dtype), **where)
            model = _adapted(model, chosen).to(chosen.device).eval()
    except (OSError, ValueError, KeyError) as error:
        raise BackendMisconfigured(f"no checkpoint of the Gemma 3 family at {chosen.model}") from error
    except torch.OutOfMemoryError:
        raise BackendUnavailable("the device has too little memory for the weights") from None
    processor_tokens = getattr(processor, "tokenizer", processor)
    processor_tokens.padding_side = "left"  # answers of a batch begin at the same place
    return Loaded(model, processor, sees, _card(chosen, model))


def _adapted(model: Any, chosen: LocalModel) -> Any:
    """The model with its adapter merged into the weights: as fast as without."""
    if not chosen.adapter:
        return model
    try:
        import peft  # noqa: PLC0415
    except ImportError:
        raise BackendUnavailable("peft is missing, which adapters need: pip install peft") from None
    adapted = peft.PeftModel.from_pretrained(model, chosen.adapter)
    return adapted.merge_and_unload()


def _card(chosen: LocalModel, model: Any) -> ModelCard:
    name, weights = chosen.name or chosen.model, digest(chosen.model, model)
    if chosen.adapter:
        name = f"{name}+{Path(chosen.adapter).name}"
        # The tensors themselves: two folders make one model.
        weights = digest("", model)
    return ModelCard(
        id=name,
        revision=getattr(model.config, "_commit_hash", None) or chosen.revision,
        weights_digest=weights,
        backend="transformers",
        demonstration=chosen.demonstration,
    )
