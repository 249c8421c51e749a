"""What a writer has to account for: which segment went where, and what could not be said in FHIR.

Filled while a message is written, read by `result_bundle` for the ledger. Never holds a value of the message.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mappers.domain.issues import Issue, IssueCode, Severity

#: Elements that no segment stands behind.
_OURS = frozenset({"resourceType", "id", "meta", "contained", "extension", "subject", "patient", "encounter"})


class Account:
    """The account of one message.

    Attributes:
        origin: label of the segment being written, where issues are located.
        trace: (segment label, FHIR path) pairs in the order of writing.
        issues: what was left out or said otherwise, and why.
        lost: (segment label, element) pairs of facts that were left out; not said otherwise, left out.
    """

    __slots__ = ("issues", "lost", "origin", "trace")

    def __init__(self) -> None:
        self.origin = ""
        self.trace: list[tuple[str, str]] = []
        self.issues: list[Issue] = []
        self.lost: list[tuple[str, str]] = []

    def wrote(self, origin: str, path: str) -> None:
        """A fact of this segment stands at this path."""
        self.trace.append((origin, path))

    def wrote_all(
        self, origins: Iterable[str], resource: dict[str, Any], *, without: Iterable[str] = ()
    ) -> None:
        """These segments stand behind the resource's elements, but for those named in `without`."""
        left_out = _OURS.union(without)
        kind = resource["resourceType"]
        paths = [f"{kind}.{name.removeprefix('_')}" for name in resource if name not in left_out]
        self.trace += [(origin, path) for origin in origins for path in paths]

    def lose(self, code: IssueCode, text: str, *, element: str) -> None:
        """Warn that something sent is left out: the ledger names it among what was not mapped."""
        self.forgave(code, text)
        self.lost.append((self.origin, element))

    def forgave(self, code: IssueCode, text: str) -> None:
        """Warn that something sent is said otherwise, or not at all, in FHIR."""
        self.issues.append(Issue(Severity.WARNING, code, self.origin, text))
