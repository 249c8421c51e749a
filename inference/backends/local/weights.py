"""What names the weights of a model that was loaded."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

_BLOCK: Final = 1 << 20


def digest(name: str, model: Any) -> str:
    """SHA-256 over the weight files of a folder in the order of their names, else over the tensors."""
    whole = hashlib.sha256()
    files = sorted(Path(name).glob("*.safetensors")) if Path(name).is_dir() else []
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                whole.update(block)
    if not files:
        import torch  # noqa: PLC0415

        for key, tensor in sorted(model.state_dict().items()):
            whole.update(key.encode())
            whole.update(tensor.contiguous().cpu().view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()
