"""AuditEvent on the read face: the audit chain as FHIR resources, read and searched, never changed.

| parameter | finds |
|---|---|
| `_id` | one record |
| `date`, `_lastUpdated` | by when it happened, with the prefixes eq ge gt le lt |
| `entity`, `patient` | by the resource that it is about, in any version |
| `agent-name` | by who acted: the beginning of the name |
| `outcome` | by its outcome: 0, 4, 8, 12 |

Newest first, paged by `_count`. Whether the chain is whole is proved by `wardwire audit verify`, not here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from urllib.parse import urlencode

from flask import Response, g

from integration.errors import NotFound
from integration.store import audit_search
from integration.store.audit_search import AuditQuery
from integration.store.records import AuditRecord
from integration.store.result_records import Page, StoredResource
from integration.store.search_query import DEFAULT_COUNT, LARGEST_COUNT
from integration.store.search_values import interval
from integration.web import fhir_answers
from integration.web.fhir_audit import AUDIT_EVENT, Disclosures
from integration.web.services import Services
from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.fhir import audit_event, r4

#: What is understood, with FHIR's type of it; for the CapabilityStatement too.
PARAMETERS = {
    "_id": "token",
    "_lastUpdated": "date",
    "date": "date",
    "entity": "reference",
    "patient": "reference",
    "agent-name": "string",
    "outcome": "token",
}
_CONTROL = frozenset({"_count", "_cursor", "_format", "_pretty"})
_MOST_VALUES = 50
_REFERENCE = re.compile(r"(?:.*/)?([A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64})")
_DATE = re.compile(r"(eq|ge|gt|le|lt)?(\d.*)")
_NAME = re.compile(r"[\w .:@=,-]{1,100}")


class _Unread(Exception):
    """A value that cannot be followed."""


class Trail:
    """The handlers.

    Args:
        services: what the web needs.
        disclosures: keeps who read what.
    """

    def __init__(self, services: Services, disclosures: Disclosures) -> None:
        self._services = services
        self._disclosures = disclosures

    def read(self, name: str) -> StoredResource:
        """The AuditEvent of that id, as the read face shows any resource.

        Raises:
            NotFound: there is none.
        """
        sequence = audit_event.sequence_of(name)
        if sequence is None:
            raise NotFound("there is no audit record of that id")
        with self._services.database.read() as connection:
            record = audit_search.find(connection, sequence)
        shown = self._shown(record)
        if shown.id != name:
            raise NotFound("there is no audit record of that id")
        return shown

    def search(self, pairs: Iterable[tuple[str, str]], *, strict: bool) -> Response:
        """A searchset."""
        query, applied, issues = _read(list(pairs), strict=strict)
        if query is None:
            return fhir_answers.refused(issues)
        with self._services.database.read() as connection:
            records, more = audit_search.search(connection, query)
        seen = tuple(map(self._shown, records))
        self._disclosures.searched_trail(
            [name for name, _ in applied], seen, actor=g.actor, request_id=g.request_id
        )
        url = f"{self._services.fhir_base}/{AUDIT_EVENT}"
        here = [("_cursor", str(query.before))] if query.before else []
        links = [("self", _with(url, [*applied, *here]))]
        if more:
            links.append(("next", _with(url, [*applied, ("_cursor", str(records[-1].seq))])))
        page = Page(matches=seen)
        return fhir_answers.searchset(page, base=self._services.fhir_base, links=links, issues=issues)

    def _shown(self, record: AuditRecord) -> StoredResource:
        at = f"{record.event.at.text[:23].rstrip('Z')}Z"
        written = audit_event.write(
            record.event, seq=record.seq, record_hash=record.hash, software=self._services.software
        )
        head = {
            "resourceType": AUDIT_EVENT,
            "id": written["id"],
            "meta": {"versionId": "1", "lastUpdated": at},
        }
        return StoredResource(
            type=AUDIT_EVENT,
            id=written["id"],
            version=1,
            last_updated=at,
            message_id=record.event.message_id,
            content=r4.encode({**head, **written}),
        )


def _read(
    pairs: list[tuple[str, str]], *, strict: bool
) -> tuple[AuditQuery | None, list[tuple[str, str]], list[Issue]]:
    query, applied, issues = AuditQuery(count=DEFAULT_COUNT), [], []
    for name, value in pairs:
        if name not in PARAMETERS and name not in _CONTROL:
            severity = Severity.FATAL if strict else Severity.WARNING
            issues.append(
                Issue(severity, IssueCode.NOT_SUPPORTED, _safe(name), "AuditEvent is not searched by this")
            )
            continue
        try:
            query = _taken(query, name, value)
        except _Unread:
            text = "its value cannot be read; see the documentation of this parameter"
            return None, [], [Issue(Severity.FATAL, IssueCode.INVALID, _safe(name), text)]
        if name not in {"_cursor", "_format", "_pretty"}:
            applied.append((name, value))
    if any(each.severity is Severity.FATAL for each in issues):
        return None, [], issues
    return query, applied, issues


def _taken(query: AuditQuery, name: str, value: str) -> AuditQuery:  # one row each
    match name:
        case "_count":
            return replace(query, count=max(1, min(_whole(value), LARGEST_COUNT)))
        case "_cursor":
            return replace(query, before=_whole(value))
        case "_id":
            return replace(query, sequence=audit_event.sequence_of(value) or 0)
        case "date" | "_lastUpdated":
            return _when(query, value)
        case "entity":
            return replace(query, resources=(*query.resources, *_each(value, _reference)))
        case "patient":
            of_patients = _each(value, lambda text: _reference(text if "/" in text else f"Patient/{text}"))
            return replace(query, resources=(*query.resources, *of_patients))
        case "agent-name":
            return replace(query, actors=(*query.actors, *_each(value, _actor)))
        case "outcome":
            return replace(
                query, outcomes=(*query.outcomes, *_each(value, lambda text: text.rpartition("|")[2]))
            )
    return query


def _each(value: str, read: Callable[[str], str]) -> tuple[str, ...]:
    parts = value.split(",")
    if len(parts) > _MOST_VALUES:
        raise _Unread
    return tuple(map(read, parts))


def _reference(text: str) -> str:
    match = _REFERENCE.fullmatch(text.partition("/_history/")[0])
    if match is None:
        raise _Unread
    return match[1]


def _actor(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise _Unread
    return text


def _when(query: AuditQuery, value: str) -> AuditQuery:
    match = _DATE.fullmatch(value)
    found = interval(match[2]) if match else None
    if match is None or found is None:
        raise _Unread
    low, high = f"{found.low}Z", f"{found.high}Z"
    prefix = match[1] or "eq"
    since = {"eq": low, "ge": low, "gt": high}.get(prefix)
    until = {"eq": high, "le": high, "lt": low}.get(prefix)
    return replace(
        query,
        since=max(filter(None, (query.since, since)), default=None),
        until=min(filter(None, (query.until, until)), default=None),
    )


def _whole(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:  # noqa: PLR2004  # a 64 bit number
        raise _Unread
    return int(text)


def _safe(name: str) -> str:
    """A parameter's name as far as it may stand in an answer."""
    return name if re.fullmatch(r"[A-Za-z0-9_.:\-]{1,64}", name) else "?"


def _with(url: str, pairs: list[tuple[str, str]]) -> str:
    return f"{url}?{urlencode(pairs)}" if pairs else url
