"""Checkpoints on this machine and on the hub they come from: the only importer of huggingface_hub.

Loading never downloads; `fetch` is the one way by which weights come in, and somebody has to call it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from inference.errors import BackendMisconfigured, BackendUnavailable

#: What a checkpoint of ours needs; other formats of the same weights stay where they are.
_FILES: Final = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]
_MISSING: Final = "huggingface_hub is missing: pip install 'wardwire[models]'"


def here(model: str, revision: str) -> Path | None:
    """The folder of a checkpoint on this machine; None when it is not here."""
    folder = Path(model)
    if folder.is_dir():
        return folder
    try:
        from huggingface_hub import snapshot_download  # noqa: PLC0415
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError  # noqa: PLC0415
    except ImportError:
        return None
    try:
        found = snapshot_download(model, revision=revision, local_files_only=True, allow_patterns=_FILES)
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    return Path(found)


def fetch(model: str, revision: str) -> Path:
    """Bring a checkpoint from the hub to this machine, under the account that is logged in there.

    Raises:
        BackendMisconfigured: the hub has no such model or revision, or its terms were not accepted.
        BackendUnavailable: the hub cannot be reached from here.
    """
    import httpx2  # noqa: PLC0415

    try:
        from huggingface_hub import snapshot_download  # noqa: PLC0415
        from huggingface_hub.errors import (  # noqa: PLC0415
            GatedRepoError,
            HfHubHTTPError,
            HFValidationError,
            LocalEntryNotFoundError,
            OfflineModeIsEnabled,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )
    except ImportError:
        raise BackendUnavailable(_MISSING) from None
    try:
        return Path(snapshot_download(model, revision=revision, allow_patterns=_FILES))
    except GatedRepoError:
        raise BackendMisconfigured(
            f"{model}: its terms have to be accepted on the hub first, and `hf auth login` done here"
        ) from None
    except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError):
        raise BackendMisconfigured(f"the hub shows no {model} at {revision} to this account") from None
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, httpx2.HTTPError, OSError):
        raise BackendUnavailable(
            f"the hub cannot be reached from here: copy the folder of {model} and name it in `model`"
        ) from None
