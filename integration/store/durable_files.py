"""Files that are there after a power cut: written aside, synced, then named, and the name synced too.

Knows nothing of what is in them. Readable by their owner only.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from integration.errors import StoreUnavailable

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission is denied",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open",
    errno.ENOENT: "the folder is gone",
}


@contextmanager
def unavailable_on_oserror(what: str) -> Iterator[None]:
    """Turn an operating system error into StoreUnavailable that names `what` and the reason."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, f"error {error.errno}")
        raise StoreUnavailable(f"{what} cannot be used: {reason}") from error


def publish(path: Path, *parts: bytes, replace: bool = True) -> None:
    """Write `parts` under this name, whole or not at all, and return when they would survive a power cut.

    Args:
        path: its folder is made when missing.
        parts: written one after the other, never joined in memory.
        replace: False keeps a file that is already there.

    Raises:
        StoreUnavailable: disk full, read-only, no permission.
    """
    with unavailable_on_oserror("the data folder"):
        make_folder(path.parent)
        aside = path.parent / f".partial-{secrets.token_hex(8)}"
        try:
            _write(aside, parts)
            if replace:
                aside.replace(path)
            else:
                with suppress(FileExistsError):
                    path.hardlink_to(aside)
        finally:
            aside.unlink(missing_ok=True)
        sync_folder(path.parent)


def _write(path: Path, parts: tuple[bytes, ...]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        for part in parts:
            view = memoryview(part)
            while view:
                view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and its missing parents for the owner only, each synced into its parent."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
