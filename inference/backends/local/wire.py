"""What passes between a worker and its model process: JSON with bytes behind it, one frame after the other.

    4 bytes length of the header | header: {"id", "job", …, "sizes": […]} | the bytes, in the order of sizes

No pickle: neither side can make the other run anything.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Final

from inference import errors
from inference.errors import InferenceError, InputRefused, OutputInvalid, Refusal
from inference.ports import Completion, Ending, Picture, Prompt

_LENGTH: Final = struct.Struct(">I")
_ERRORS: Final = {
    kind.__name__: kind
    for kind in (errors.BackendUnavailable, errors.BackendMisconfigured, errors.ReaderMissing)
}


@dataclass(frozen=True, slots=True)
class Frame:
    """A header and the bytes that belong to it."""

    header: Mapping[str, Any]
    blobs: tuple[bytes, ...] = field(default=(), repr=False)


class Line:
    """One end of the line; frames of several threads do not mix."""

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self._source = source
        self._sink = sink
        self._writing = threading.Lock()

    def send(self, header: Mapping[str, Any], blobs: Sequence[bytes] = ()) -> None:
        """Send a frame.

        Raises:
            OSError, ValueError: the other end is gone, or the line is closed.
        """
        text = json.dumps({**header, "sizes": [len(blob) for blob in blobs]}).encode()
        with self._writing:
            self._sink.write(_LENGTH.pack(len(text)) + text)
            for blob in blobs:
                self._sink.write(blob)
            self._sink.flush()

    def receive(self) -> Frame | None:
        """The next frame; None when the other end is gone."""
        length = self._read(_LENGTH.size)
        text = self._read(_LENGTH.unpack(length)[0]) if length else None
        if text is None:
            return None
        header = json.loads(text)
        blobs = [self._read(size) for size in header.pop("sizes")]
        whole = tuple(blob for blob in blobs if blob is not None)
        return Frame(header, whole) if len(whole) == len(blobs) else None

    def _read(self, size: int) -> bytes | None:
        try:
            read = self._source.read(size) if size else b""
        except (OSError, ValueError):
            return None
        return read if len(read) == size else None


def sent_prompt(prompt: Prompt) -> tuple[dict[str, Any], tuple[bytes, ...]]:
    """A prompt as header and pictures."""
    parts = [part if isinstance(part, str) else None for part in prompt.parts]
    header = {
        "instruction": prompt.instruction,
        "parts": parts,
        "schema": prompt.schema,
        "max_new_tokens": prompt.max_new_tokens,
        "template_digest": prompt.template_digest,
    }
    return header, tuple(picture.png for picture in prompt.pictures)


def received_prompt(header: Mapping[str, Any], blobs: Sequence[bytes]) -> Prompt:
    """The prompt of a frame."""
    pictures = iter(blobs)
    parts = tuple(part if part is not None else Picture(next(pictures)) for part in header["parts"])
    rest = {name: header[name] for name in ("instruction", "schema", "max_new_tokens", "template_digest")}
    return Prompt(parts=parts, **rest)


def sent_answer(answer: Completion | InferenceError) -> dict[str, Any]:
    """An answer or an error as a header."""
    if isinstance(answer, Completion):
        return {
            "text": answer.text,
            "ending": answer.ending.value,
            "parameters": dict(answer.parameters),
        }
    reason = answer.reason.value if isinstance(answer, InputRefused) else None
    return {"error": type(answer).__name__, "message": str(answer), "reason": reason}


def received(header: Mapping[str, Any]) -> Mapping[str, Any]:
    """The header of an answer.

    Raises:
        InferenceError: the answer is an error.
    """
    name = header.get("error")
    if name is None:
        return header
    if name == "InputRefused":
        raise InputRefused(Refusal(header["reason"]), header["message"])
    raise _ERRORS.get(name, OutputInvalid)(header["message"])


def received_completion(header: Mapping[str, Any]) -> Completion:
    """The completion of a header."""
    return Completion(text=header["text"], ending=Ending(header["ending"]), parameters=header["parameters"])


def key_of(specification: Mapping[str, Any]) -> str:
    """A name for a model as it is to be loaded."""
    text = json.dumps(specification, sort_keys=True).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(text).digest()[:12]).decode()
