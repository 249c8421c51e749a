"""A notification as it came by HTTP, as one sequence of bytes: method, path, the headers that matter, body.

The form is that of a request of HTTP/1.1 (RFC 9112 §3), so that a person can read it and its digest covers
all that was acted on. Syntax only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mappers.domain.issues import Issue, IssueCode, Refused, Severity

#: Headers that say something about a notification; credentials are none of them.
KEPT = frozenset(
    {
        "content-type",
        "x-medplum-subscription",
        "x-medplum-interaction",
        "x-medplum-deleted-resource",
        "aeg-event-type",
        "ce-id",
        "ce-source",
        "ce-type",
        "ce-specversion",
    }
)
METHODS = frozenset({"POST", "PUT", "DELETE"})
_VALUE = re.compile(r"[ -~]{0,512}")
_PATH = re.compile(r"[A-Za-z0-9\-._~/]{0,200}")
_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class HookRequest:
    """A request at a hook.

    Attributes:
        path: what follows the hook's own path, without slashes around it.
        headers: of KEPT, by lower-case name.
        body: as received.
    """

    method: str
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)

    @property
    def media_type(self) -> str:
        """Content-Type without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def target(self) -> tuple[str, str] | None:
        """Type and id where the path ends in them, as HAPI FHIR writes it."""
        parts = self.path.split("/")
        if len(parts) < 2 or not re.fullmatch(r"[A-Z][A-Za-z]{1,63}", parts[-2]):  # noqa: PLR2004
            return None
        return (parts[-2], parts[-1]) if re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", parts[-1]) else None

    def encode(self) -> bytes:
        """All of it; what `parse` reads.

        Raises:
            ValueError: method, path or a header is none that `parse` would take.
        """
        if self.method not in METHODS or not _PATH.fullmatch(self.path):
            raise ValueError("not a request of a hook")
        if not self.headers.keys() <= KEPT or not all(map(_VALUE.fullmatch, self.headers.values())):
            raise ValueError("not the headers of a hook")
        lines = [f"{self.method} /{self.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in sorted(self.headers.items())]
        return "\r\n".join(lines).encode("ascii") + _END + self.body


def parse(raw: bytes) -> HookRequest:
    """Read what `HookRequest.encode` wrote.

    Raises:
        Refused: it is something else.
    """
    head, found, body = raw.partition(_END)
    try:
        first, *rest = head.decode("ascii").split("\r\n")
        method, path, version = first.split(" ")
        headers = dict(line.split(": ", 1) for line in rest)
    except ValueError:
        raise _refused() from None
    request = HookRequest(method, path.removeprefix("/"), headers, body)
    try:
        known = bool(found) and version == "HTTP/1.1" and request.encode() == raw
    except ValueError:
        known = False
    if not known:
        raise _refused()
    return request


def _refused() -> Refused:
    return Refused(Issue(Severity.FATAL, IssueCode.STRUCTURE, "", "not a request that came to a hook"))
