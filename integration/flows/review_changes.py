"""What changed since a draft was made: in its source, in whose it is. A signer is told, and has to confirm.

The versions of then are those of the store's history at the moment of the draft's current version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from integration.errors import NotFound
from integration.store import links, result_versions
from integration.store.database import Transaction
from integration.store.result_records import StoredResource
from integration.store.results import Results
from mappers.fhir import r4

Node = dict[str, Any]

#: More versions of one source than this are not looked through; the oldest of them stands for earlier ones.
_LOOKED_BACK = 200
_WITHDRAWN = frozenset({"entered-in-error", "cancelled", "superseded", "not-done"})
_OF_PERSON = {
    "identifier": "the patient's numbers changed",
    "name": "the patient's name changed",
    "birthDate": "the patient's date of birth changed",
    "gender": "the patient's sex changed",
    "link": "the patient was joined with another record",
    "active": "the patient's record was opened or closed",
}
_CONTENT = frozenset({"content", "series", "presentedForm", "value", "valueString", "conclusion"})


class Version(Protocol):
    """A current version, as `review_case.Held` has it."""

    @property
    def resource(self) -> Node:
        """As written."""

    @property
    def version(self) -> int:
        """Its number."""

    @property
    def last_updated(self) -> str:
        """When it was stored."""

    @property
    def reference(self) -> str:
        """Its relative reference."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is not as it was.

    Attributes:
        reference: of what changed.
        text: how, for people; no value.
    """

    reference: str
    text: str


def changes(
    connection: Transaction, results: Results, draft: Version, sources: Sequence[Version]
) -> tuple[Change, ...]:
    """What changed between the current version of a draft and now."""
    subject = draft.resource.get("subject", {}).get("reference")
    found = list(_of_subject(connection, results, subject, draft.last_updated)) if subject else []
    for source in sources:
        then = _then(connection, results, source.reference, draft.last_updated)
        if then is not None and then.version != source.version:
            found += _of_source(source, _resource(then))
        elif source.resource.get("status") in _WITHDRAWN:
            found.append(Change(source.reference, "the source is withdrawn"))
    return tuple(dict.fromkeys(found))


def _of_subject(connection: Transaction, results: Results, subject: str, at: str) -> Iterator[Change]:
    if links.moved(connection, {subject}):
        yield Change(subject, "the patient was merged into another record")
    kind, _, key = subject.partition("/")
    try:
        now = results.read(connection, kind, key)
    except NotFound:
        return
    then = _then(connection, results, subject, at)
    if now.deleted:
        yield Change(subject, "the patient's record is gone")
    elif then is not None and then.version != now.version:
        before, after = _resource(then), _resource(now)
        yield from (
            Change(subject, text) for name, text in _OF_PERSON.items() if before.get(name) != after.get(name)
        )


def _of_source(source: Version, before: Node) -> Iterator[Change]:
    after = source.resource
    if after.get("status") in _WITHDRAWN:
        yield Change(source.reference, "the source was withdrawn")
        return
    names = {
        name
        for name in before.keys() | after.keys()
        if name != "meta" and before.get(name) != after.get(name)
    }
    if names & _CONTENT:
        yield Change(source.reference, "the source's content changed")
    elif names:
        yield Change(source.reference, f"the source changed in {', '.join(sorted(names))}")


def _then(connection: Transaction, results: Results, reference: str, at: str) -> StoredResource | None:
    """The version that was current at a moment; the oldest that is known where none was."""
    kind, _, key = reference.partition("/")
    try:
        versions = results.history(connection, kind, key, count=_LOOKED_BACK)
    except NotFound:
        return None
    earlier: Iterable[StoredResource] = (each for each in versions if each.last_updated <= at)
    return next(iter(earlier), versions[-1])


def _resource(stored: StoredResource) -> Node:
    return {} if stored.deleted else result_versions.unversioned(r4.decode(stored.content))
