"""A watched folder: each file in it is a message, several, or a batch, and goes through the same door.

    folder/name.hl7 -> folder/working/MARK~name.hl7 -> folder/done/name.hl7, or
                                                       folder/refused/name.hl7 with name.hl7.ack beside it

| killed                       | then                                                                      |
|------------------------------|---------------------------------------------------------------------------|
| before the file is claimed   | it is still there                                                         |
| after the claim (one rename) | it is in working/, and taken up by whoever looks next                     |
| after the commit             | the same; the door knows its messages: the same answers, nothing new      |
| while it is put away         | the same; done/ or refused/ get it once                                   |

Whoever has a file holds a lock on it, which its death releases; several processes may watch one folder. A
file counts as whole when it has not changed for a while; senders do better to write under another name and
rename. Names of files are never logged: senders put names of people into them.
"""

from __future__ import annotations

import fcntl
import fnmatch
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from integration import telemetry
from integration.errors import SettingsInvalid
from integration.flows.intake import Intake, Reply, Way

#: Between the mark of a claim and the name of the file.
_SEPARATOR = "~"
_HEAD_BYTES = 4096
#: Files taken in one look, so that a stop does not wait for a full folder.
_FILES_PER_LOOK = 50
#: A file's answer is for people to read, so a refusal is written even where its sender asked for none.
_WAY = Way(unasked=True)
_LOG = telemetry.logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is watched.

    Attributes:
        name: in the audit trail, `folder:NAME`.
        pattern: of names that are taken (`fnmatch`).
        settle_seconds: without a change before a file counts as whole.
        poll_seconds: between two looks.
        max_bytes: of one file.
        keep_done: whether files that were taken go to done/; else they are removed.
    """

    name: str
    path: Path
    channel: str
    pattern: str = "*.hl7"
    settle_seconds: float = 2.0
    poll_seconds: float = 1.0
    max_bytes: int = 64 * 2**20
    keep_done: bool = True


@dataclass(frozen=True, slots=True)
class _Found:
    """A file as it was seen.

    Attributes:
        changed: its modification time in nanoseconds.
        claimed: it is in working/.
    """

    path: Path
    size: int
    changed: int
    claimed: bool

    @property
    def name(self) -> str:
        """As its sender called it."""
        return self.path.name.partition(_SEPARATOR)[2] if self.claimed else self.path.name


class Folder:
    """Takes files from one folder. `tick` is called again and again, by one thread.

    Args:
        watch: what is watched.
        intake: the door.
        clock: seconds on a clock that does not go back.
        mark: a name for a claim that no other has, sorting by time.
    """

    def __init__(
        self,
        watch: Watch,
        intake: Intake,
        *,
        clock: Callable[[], float] = time.monotonic,
        mark: Callable[[], str] = lambda: f"{time.time_ns():020d}-{os.getpid()}",
    ) -> None:
        self._watch = watch
        self._intake = intake
        self._clock = clock
        self._mark = mark
        self._working, self._done, self._refused = (
            watch.path / name for name in ("working", "done", "refused")
        )
        self._seen: dict[Path, tuple[_Found, float]] = {}
        self._unreadable: set[Path] = set()

    def prepare(self) -> None:
        """Make the folders beside the files.

        Raises:
            SettingsInvalid: the watched folder is not there, or they cannot be made.
        """
        if not self._watch.path.is_dir():
            raise SettingsInvalid(f"folders.{self._watch.name}.path is not a folder")
        try:
            for folder in (self._working, self._done, self._refused):
                folder.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            text = f"folders.{self._watch.name}.path: folders cannot be made in it: {error.strerror}"
            raise SettingsInvalid(text) from None

    def tick(self) -> float:
        """Take what is whole; return the seconds until the next look.

        Raises:
            StoreUnavailable: the file in hand stays in working/ and is taken up later.
        """
        try:
            files = list(self._whole())
        except OSError as error:  # a network share that is away
            _LOG.warning("folder unreadable", channel=self._watch.channel, error=type(error).__name__)
            return self._watch.poll_seconds
        for found in files[:_FILES_PER_LOOK]:
            self._take(found)
        return 0.0 if len(files) > _FILES_PER_LOOK else self._watch.poll_seconds

    # --- looking

    def _whole(self) -> Iterator[_Found]:
        """Files that have not changed for long enough, left ones first, then the oldest."""
        now, seen = self._clock(), {}
        waiting: list[_Found] = []
        left = _files(self._working, "*", claimed=True)
        for found in (*left, *_files(self._watch.path, self._watch.pattern, claimed=False)):
            before = self._seen.get(found.path)
            since = before[1] if before is not None and before[0] == found else now
            seen[found.path] = (found, since)
            if now - since >= self._watch.settle_seconds:
                waiting.append(found)
        self._seen = seen
        yield from sorted(waiting, key=lambda each: (not each.claimed, each.changed, each.name))

    # --- one file

    def _take(self, found: _Found) -> None:
        try:
            descriptor = os.open(found.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return  # another process has it
        except OSError as error:
            if found.path not in self._unreadable:
                self._unreadable.add(found.path)
                _LOG.warning("file unreadable", channel=self._watch.channel, error=type(error).__name__)
            return
        try:
            if _lock(descriptor, found):
                self._process(descriptor, found)
        except FileNotFoundError:
            return  # moved by who had it before the lock
        finally:
            os.close(descriptor)

    def _process(self, descriptor: int, found: _Found) -> None:
        claimed = found.path
        if not found.claimed:
            claimed = self._working / f"{self._mark()}{_SEPARATOR}{found.name}"
            found.path.rename(claimed)
        size = os.fstat(descriptor).st_size
        if size > self._watch.max_bytes:
            head = os.pread(descriptor, _HEAD_BYTES, 0)
            limit = self._watch.max_bytes
            answer = self._intake.refuse_oversize(head, channel=self._watch.channel, limit=limit, way=_WAY)
            self._put_away(claimed, found.name, self._refused, answer or b"")
            _LOG.info("file refused", channel=self._watch.channel, code="too-long", bytes=size)
            return
        raw = _read(descriptor)
        status = os.fstat(descriptor)
        if (len(raw), status.st_size, status.st_mtime_ns) != (found.size, found.size, found.changed):
            return  # it is still written to: taken up when it has settled
        reply = self._intake.receive(
            raw, channel=self._watch.channel, peer=f"folder:{self._watch.name}", way=_WAY
        )
        self._finish(claimed, found.name, reply)

    def _finish(self, claimed: Path, name: str, reply: Reply) -> None:
        if reply.refused:
            self._put_away(claimed, name, self._refused, reply.payload or b"")
        elif self._watch.keep_done:
            self._put_away(claimed, name, self._done, b"")
        else:
            claimed.unlink()
        _LOG.info(
            "file taken",
            channel=self._watch.channel,
            outcome="refused" if reply.refused else "done",
            count=len(reply.receipts),
        )

    def _put_away(self, claimed: Path, name: str, folder: Path, answer: bytes) -> None:
        """Move a file where it stays; its answer is there before it leaves working/."""
        target = _reserve(claimed, folder, name)
        if answer:
            written = target.with_name(f".{target.name}.ack")
            written.write_bytes(answer)
            written.rename(target.with_name(f"{target.name}.ack"))
        if target.samefile(claimed):
            claimed.unlink()
        else:
            claimed.rename(target)


def _files(folder: Path, pattern: str, *, claimed: bool) -> Iterator[_Found]:
    """Regular files with something in them; no links, which could lead anywhere."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or not fnmatch.fnmatchcase(entry.name, pattern):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode) and status.st_size:
                yield _Found(Path(entry.path), status.st_size, status.st_mtime_ns, claimed)


def _lock(descriptor: int, found: _Found) -> bool:
    """Whether the file is ours: nobody else has it, and it is still where it was seen."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # A file system without locks. Two who take one file up give the same messages twice, which the door
        # knows, and one of them does not find it any more.
        pass
    return os.fstat(descriptor).st_ino == found.path.lstat().st_ino


def _read(descriptor: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read()


def _reserve(claimed: Path, folder: Path, name: str) -> Path:
    """A name in a folder that nobody else has: the sender's, or with a number behind it.

    The file itself is put there by a second link, or, where the file system has none, an empty one for it to
    replace. Done again after a crash it finds the same place.
    """
    for number in range(1, 10_000):
        target = folder / (name if number == 1 else f"{name}.{number}")
        try:
            target.hardlink_to(claimed)
        except FileExistsError:
            if target.samefile(claimed):
                return target
            continue
        except OSError:
            try:
                os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            except FileExistsError:
                continue
        return target
    raise FileExistsError
