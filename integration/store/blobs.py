"""Payloads too large for a row: a folder of sealed files, each named by the keyed digest of its content.

Names are HMAC-SHA-256 under the digest key, so they tell nothing about a content that could be guessed. The
same content is one file. Knows bytes and kinds ("message"), nothing of HL7, FHIR or the database.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from pathlib import Path

from integration.errors import BlobCorrupt, NotFound
from integration.store.durable_files import make_folder, publish, sync_folder, unavailable_on_oserror
from integration.store.keys import Keys
from integration.store.sealing import Sealer

_PARTIAL = ".partial-*"
#: Ending of a file that is to be removed and may still be asked for.
_ASIDE = ".aside"


class Blobs:
    """A content-addressed folder.

    Args:
        folder: made at the first write.
        keys: seal and digest keys.
    """

    def __init__(self, folder: Path, keys: Keys) -> None:
        self._folder = folder
        self._keys = keys
        self._sealer = Sealer(keys.seal)
        self._settled: set[Path] = set()

    def put(self, content: bytes, *, kind: str) -> str:
        """Keep `content`; on return its file, its name and its folders are synced to disk.

        Returns:
            the name to ask for it again.

        Raises:
            StoreUnavailable: disk full, read-only or gone; nothing is left behind.
        """
        name = self._name(self._keys.digest.current.secret, content, kind)
        path = self._path(name)
        self._settle(path.parent)
        if self._opens(name, kind):
            # Whoever wrote it may have been killed before its name was on disk.
            with unavailable_on_oserror("the blob folder"):
                sync_folder(path.parent)
        else:
            publish(path, *self._sealer.seal_parts(content, bound_to=_place(name, kind)))
        return name

    def get(self, name: str, *, kind: str) -> bytes:
        """The content kept under this name.

        Raises:
            NotFound: there is none.
            BlobCorrupt: it does not open, or is not what its name says.
            StoreUnavailable: the disk does not answer.
        """
        with unavailable_on_oserror("the blob folder"):
            path = self._path(name)
            sealed = next((found for each in (path, _aside(path)) if (found := _bytes_of(each))), None)
            if sealed is None:
                raise NotFound("no blob of that name")
        content = self._sealer.open(sealed, bound_to=_place(name, kind))
        del sealed
        if not any(
            hmac.compare_digest(self._name(key.secret, content, kind), name) for key in self._keys.digest.keys
        ):
            raise BlobCorrupt("the blob is not what its name says")
        return content

    def _opens(self, name: str, kind: str) -> bool:
        # A file that is there already is trusted only after it opened: an earlier disk error must not
        # make a new acknowledged message unreadable.
        try:
            self.get(name, kind=kind)
        except (NotFound, BlobCorrupt):
            return False
        return True

    def _settle(self, folder: Path) -> None:
        # Another process may have made the folder a moment ago and not have synced it yet.
        if folder not in self._settled or not folder.is_dir():
            with unavailable_on_oserror("the blob folder"):
                make_folder(folder)
                sync_folder(folder.parent)
                sync_folder(folder.parent.parent)
            self._settled.add(folder)

    def sweep(self, *, before: float) -> int:
        """Remove what a killed process left half-written.

        Args:
            before: POSIX time; younger files may still be at work.

        Returns:
            how many were removed.
        """
        swept = 0
        for partial in self._folder.glob(f"??/??/{_PARTIAL}"):
            if partial.stat().st_mtime < before:
                partial.unlink(missing_ok=True)
                swept += 1
        return swept

    def set_aside(self, name: str) -> None:
        """Take a file out of the way, to be removed by `clear_aside`; it can still be read.

        Raises:
            StoreUnavailable: the disk does not answer.
        """
        path = self._path(name)
        with unavailable_on_oserror("the blob folder"):
            if path.exists():
                path.replace(_aside(path))
                sync_folder(path.parent)

    def clear_aside(self, *, before: float, is_named: Callable[[str], bool]) -> int:
        """Remove the files that were set aside, but for those that are named again: they go back.

        Args:
            before: POSIX time; what was set aside later waits, for who asked for it before may name it still.
            is_named: whether anything refers to this name.

        Returns:
            how many were removed.
        """
        removed = 0
        with unavailable_on_oserror("the blob folder"):
            for aside in self._folder.glob(f"??/??/*{_ASIDE}"):
                path = aside.with_name(aside.name.removesuffix(_ASIDE))
                if aside.stat().st_ctime >= before:
                    continue
                if is_named(path.name) and not path.exists():
                    aside.replace(path)
                else:
                    aside.unlink(missing_ok=True)
                    removed += 1
        return removed

    def _path(self, name: str) -> Path:
        if len(name) != 64 or not name.isalnum():  # noqa: PLR2004  # hex of SHA-256; keeps ".." out
            raise NotFound("no blob of that name")
        return self._folder / name[:2] / name[2:4] / name

    @staticmethod
    def _name(secret: bytes, content: bytes, kind: str) -> str:
        digest = hmac.new(secret, kind.encode() + b"\x00", "sha256")
        digest.update(content)
        return digest.hexdigest()


def _place(name: str, kind: str) -> str:
    return f"{kind}|{name}"


def _aside(path: Path) -> Path:
    return path.with_name(path.name + _ASIDE)


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
