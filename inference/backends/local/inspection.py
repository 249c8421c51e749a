"""What a checkpoint says of itself: its JSON files and the heads of its weight files; nothing is loaded."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from inference.errors import BackendMisconfigured

_HEAD: Final = 8
_MOST_HEAD: Final = 100 * 2**20
_BYTES: Final = {"float32": 4, "bfloat16": 2}
#: Room for activations, the grammar's table and the libraries themselves.
_LIBRARIES: Final = 1.5e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """A checkpoint before it is loaded.

    Attributes:
        kind: model_type of its configuration.
        parameters: numbers in its weights.
        stored_as: their formats in the files.
        image_side: pixels of the square that it sees; None when it sees nothing.
        image_tokens: that a picture takes of the prompt.
        context: longest prompt and answer in tokens, as it says.
        memory_bytes: estimate of what it needs with the longest prompt of the settings.
    """

    kind: str
    parameters: int
    stored_as: tuple[str, ...]
    image_side: int | None
    image_tokens: int | None
    context: int | None
    memory_bytes: int


def inspect(folder: Path, *, dtype: str, longest_prompt: int) -> Inspection:
    """Look at a checkpoint.

    Args:
        folder: with config.json and safetensors files.
        dtype: number format that it is to run in.
        longest_prompt: in tokens.

    Raises:
        BackendMisconfigured: files are missing or are none.
    """
    config = _json(folder / "config.json")
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise BackendMisconfigured(f"no safetensors files in {folder.name}")
    heads = [_head(file) for file in files]
    tensors = [each for head in heads for name, each in head.items() if name != "__metadata__"]
    parameters = sum(_size(each["shape"]) for each in tensors)
    text = config.get("text_config") or config
    vision = config.get("vision_config") or {}
    cache = _cache_bytes(text, longest_prompt) * _BYTES[dtype]
    return Inspection(
        kind=str(config.get("model_type", "")),
        parameters=parameters,
        stored_as=tuple(sorted({str(each["dtype"]) for each in tensors})),
        image_side=vision.get("image_size"),
        image_tokens=config.get("mm_tokens_per_image"),
        context=text.get("max_position_embeddings"),
        memory_bytes=int(parameters * _BYTES[dtype] + cache + _LIBRARIES),
    )


def _cache_bytes(text: Mapping[str, Any], tokens: int) -> int:
    """Numbers that attention keeps of a prompt: keys and values of every layer, as if none had a window."""
    layers, heads = text.get("num_hidden_layers", 0), text.get("num_key_value_heads", 0)
    return int(2 * layers * heads * text.get("head_dim", 0) * tokens)


def _json(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_bytes())
    except (OSError, ValueError):
        raise BackendMisconfigured(f"{path.name} is missing or no JSON") from None
    if not isinstance(read, dict):
        raise BackendMisconfigured(f"{path.name} is no JSON object")
    return read


def _head(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(_HEAD))
            text = stream.read(length) if length <= _MOST_HEAD else b""
        head = json.loads(text)
    except (OSError, ValueError, struct.error):
        raise BackendMisconfigured(f"{path.name} is damaged: it has no safetensors head") from None
    if not isinstance(head, dict):
        raise BackendMisconfigured(f"{path.name} is damaged: it has no safetensors head")
    return head


def _size(shape: list[int]) -> int:
    size = 1
    for edge in shape:
        size *= edge
    return size
