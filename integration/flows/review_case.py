"""A draft as its reviewer has to see it: with its source, its places, its doubts, and what changed since.

| the Task is about | the case is |
|---|---|
| a draft report, or a draft transcript, of ours | a DRAFT: to be signed, rejected or amended |
| what a person signed and whose source changed afterwards | AGAIN: to be affirmed, taken back or amended |
| a document of which nothing was written | a QUESTION: to be answered elsewhere and closed |

What is not open any more can be looked at, and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from integration.errors import NotFound
from integration.flows.review_changes import Change, changes
from integration.store import result_versions
from integration.store.database import Transaction
from integration.store.result_records import StoredResource
from integration.store.results import Results
from integration.store.search_query import Criterion, ReferenceMatch, Search, TokenMatch
from mappers.domain.sheet import Signed
from mappers.fhir import labels, place_reader, presented, r4, re_review, signing, spoken
from mappers.fhir.judged_report import SECTION
from mappers.fhir.place_reader import Spot

Node = dict[str, Any]

#: What waits for a person.
OPEN = frozenset({"requested", "received", "accepted", "ready", "in-progress", "on-hold", "draft"})
_MOST = 500
_SOURCES = frozenset(
    {"DocumentReference", "ImagingStudy", "Media", "DiagnosticReport", "Observation", "Binary"}
)


class Kind(StrEnum):
    """What a reviewer is asked."""

    DRAFT = "draft"
    AGAIN = "again"
    QUESTION = "question"


@dataclass(frozen=True, slots=True)
class Held:
    """A current version: the resource as it was written, and what the store says of it."""

    resource: Node
    version: int
    last_updated: str
    message_id: str | None

    @property
    def reference(self) -> str:
        """Its relative reference."""
        return f"{self.resource['resourceType']}/{self.resource['id']}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that belongs to one question to a person.

    Attributes:
        focus: the draft, or the document; None where it is gone.
        results: Observations of the draft, with those of their regions.
        notes: DocumentReferences of ours: the rendering, transcripts.
        pictures: Media that were filed with the report.
        provenances: of the draft and its results, oldest first.
        sources: what it was read from or judged by.
        context: patient, order, devices.
        changes: of source and patient since it was drafted or signed: the signer has to confirm them.
        seen: stands for all versions above; an act names it, so that nobody signs what they did not see.
    """

    task: Held
    focus: Held | None
    results: tuple[Held, ...] = field(default=())
    notes: tuple[Held, ...] = field(default=())
    pictures: tuple[Held, ...] = field(default=())
    provenances: tuple[Node, ...] = field(default=())
    sources: tuple[Held, ...] = field(default=())
    patient: Held | None = None
    context: tuple[Node, ...] = field(default=())
    changes: tuple[Change, ...] = field(default=())
    seen: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it waits for a person."""
        return self.task.resource["status"] in OPEN

    @property
    def kind(self) -> Kind:
        """What is asked."""
        if self.focus is None or not is_ours(self.focus.resource):
            return Kind.QUESTION
        again = self.task.resource["code"].get("text") == re_review.ABOUT
        return Kind.AGAIN if again else Kind.DRAFT

    @property
    def drafts(self) -> tuple[Held, ...]:
        """What a signature is about: results first, then the report, then what renders it."""
        if self.focus is None or self.kind is Kind.QUESTION:
            return ()
        return tuple({each.reference: each for each in (*self.results, self.focus, *self.notes)}.values())

    @property
    def title(self) -> str:
        """What it is, for people."""
        if self.focus is None:
            return "What it was about is gone"
        resource = self.focus.resource
        named = resource.get("code") if resource["resourceType"] == "DiagnosticReport" else None
        return spoken.concept(named) or resource.get("description") or resource["resourceType"]

    @property
    def signatures(self) -> tuple[Signed, ...]:
        """Who signed it, the first one first."""
        return signing.signatures(self.provenances)

    def asked(self, code: str) -> tuple[str, ...]:
        """What the Task says under this code of `review_task`: "reason", "issue", "guard"."""
        inputs = self.task.resource.get("input", [])
        return tuple(
            each["valueString"]
            for each in inputs
            if any(coding.get("code") == code for coding in each["type"].get("coding", []))
        )

    def places(self, reference: str) -> tuple[Spot, ...]:
        """Where a result stands, its value first."""
        targets = [target for each in self.provenances for target in each["target"]]
        own = (each.get("extension", []) for each in targets if each["reference"] == reference)
        found = dict.fromkeys(spot for extensions in own for spot in place_reader.read(extensions))
        return tuple(sorted(found, key=lambda spot: not spot.is_value))


def is_ours(resource: Node) -> bool:
    """Whether it is a draft of ours, or was one: a report, or the transcript of a recording."""
    if resource["resourceType"] == "DiagnosticReport":
        return True
    codes = {each.get("code") for each in resource.get("meta", {}).get("security", [])}
    return resource["resourceType"] == "DocumentReference" and "DICTAST" in codes


@dataclass(frozen=True, slots=True)
class Cases:
    """Reads cases out of the store."""

    results: Results

    def read(self, connection: Transaction, key: str) -> Case:
        """The case of a Task, or of a report, by reference or bare id.

        Raises:
            NotFound: there is none.
        """
        task = self._task(connection, key)
        focus = self.held(connection, task.resource["focus"]["reference"])
        if focus is None or not is_ours(focus.resource):
            whose = self._patient(connection, task.resource.get("for"))
            return _seen(Case(task=task, focus=focus, sources=(focus,) if focus else (), patient=whose))
        results = self._observations(connection, focus.resource)
        about = [focus.reference, *(each.reference for each in results)]
        provenances = self._provenances(connection, about)
        sources = self._sources(connection, focus.resource, results, provenances)
        case = Case(
            task=task,
            focus=focus,
            results=results,
            notes=self._notes(connection, focus, sources),
            pictures=tuple(self._pictures(connection, focus.resource, provenances)),
            provenances=provenances,
            sources=sources,
            patient=self._patient(connection, focus.resource.get("subject")),
            context=tuple(self._context(connection, focus.resource, provenances, results)),
            changes=changes(connection, self.results, focus, sources),
        )
        return _seen(case)

    def held(self, connection: Transaction, reference: str) -> Held | None:
        """The current version of what a relative reference names; None where there is none."""
        kind, _, key = reference.partition("/_history/")[0].partition("/")
        if not kind or not key:
            return None
        try:
            stored = self.results.read(connection, kind, key)
        except NotFound:
            return None
        return None if stored.deleted else _held(stored)

    def tasks(self, connection: Transaction, *, limit: int) -> tuple[Held, ...]:
        """The Tasks that wait for a person, newest first."""
        waiting = Criterion("status", tuple(TokenMatch(None, status) for status in sorted(OPEN)))
        search = Search("Task", (waiting,), count=limit, total=False)
        found = map(_held, self.results.search(connection, search).matches)
        return tuple(each for each in found if _asks(each.resource))

    def _task(self, connection: Transaction, key: str) -> Held:
        kind, _, bare = key.rpartition("/")
        if kind in {"", "Task"} and (task := self.held(connection, f"Task/{bare}")):
            return task
        about = [f"{each}/{bare}" for each in ([kind] if kind else ["DiagnosticReport", "DocumentReference"])]
        tasks = [each for each in self._search(connection, "Task", "focus", about) if _asks(each.resource)]
        waiting = [each for each in tasks if each.resource["status"] in OPEN]
        if not tasks:
            raise NotFound("there is no review under that id")
        return (waiting or tasks)[0]

    def _observations(self, connection: Transaction, report: Node) -> tuple[Held, ...]:
        """The results of a report and their members, members first, each once."""
        found: dict[str, Held] = {}

        def collect(nodes: Iterable[Node]) -> None:
            for node in nodes:
                reference = node.get("reference", "")
                held = None if reference in found else self.held(connection, reference)
                if held:
                    collect(held.resource.get("hasMember", []))
                    found[reference] = held

        collect(report.get("result", []))
        return tuple(found.values())

    def _provenances(self, connection: Transaction, about: Sequence[str]) -> tuple[Node, ...]:
        found = self._search(connection, "Provenance", "target", about)
        return tuple(sorted((each.resource for each in found), key=lambda one: str(one["recorded"])))

    def _sources(
        self, connection: Transaction, draft: Node, results: Sequence[Held], provenances: Iterable[Node]
    ) -> tuple[Held, ...]:
        own = {target["reference"] for each in provenances for target in each["target"]}
        named = dict.fromkeys(_named(draft, (each.resource for each in results), provenances))
        held = (self.held(connection, each) for each in named if each not in own)
        return tuple(each for each in held if each and each.resource["resourceType"] in _SOURCES)

    def _notes(self, connection: Transaction, focus: Held, sources: Sequence[Held]) -> tuple[Held, ...]:
        """Our DocumentReferences: the rendering of the report, and transcripts of the same recording."""
        about = [focus.reference, *(each.reference for each in sources)]
        found = self._search(connection, "DocumentReference", "related", about)
        return tuple(
            each
            for each in found
            if (presented.is_presented(each.resource) or is_ours(each.resource))
            and not signing.is_gone(each.resource)
        )

    def _pictures(self, connection: Transaction, report: Node, provenances: Iterable[Node]) -> Iterator[Held]:
        own = {target["reference"] for each in provenances for target in each["target"]}
        for each in report.get("media", []):
            held = self.held(connection, each["link"].get("reference", ""))
            if held and held.reference in own:
                yield held

    def _patient(self, connection: Transaction, subject: Node | None) -> Held | None:
        return self.held(connection, (subject or {}).get("reference", ""))

    def _context(
        self, connection: Transaction, draft: Node, provenances: Iterable[Node], results: Iterable[Held]
    ) -> Iterator[Node]:
        """What the page names: patient, orders, devices."""
        named = [draft.get("subject", {}), draft.get("encounter", {}), *draft.get("basedOn", [])]
        named += [agent["who"] for each in provenances for agent in each["agent"]]
        named += [each.resource.get("device", {}) for each in results]
        for reference in dict.fromkeys(node.get("reference", "") for node in named):
            held = self.held(connection, reference)
            if held:
                yield held.resource

    def _search(
        self, connection: Transaction, kind: str, parameter: str, about: Sequence[str]
    ) -> tuple[Held, ...]:
        """Current resources that refer to these, newest first."""
        refers = Criterion(parameter, (ReferenceMatch(tuple(about)),))
        search = Search(kind, (refers,), count=_MOST, total=False)
        return tuple(map(_held, self.results.search(connection, search).matches))


def sections(report: Node) -> tuple[tuple[str, tuple[tuple[str, tuple[Spot, ...]], ...]], ...]:
    """The sections of a judged report: title, and each sentence with its places."""
    found = []
    for extension in report.get("extension", []):
        if extension["url"] != SECTION:
            continue
        title = next((p["valueString"] for p in extension["extension"] if p["url"] == "title"), "Section")
        sentences = [each["extension"] for each in extension["extension"] if each["url"] == "sentence"]
        told = tuple(
            (next(part["valueString"] for part in parts if part["url"] == "text"), place_reader.read(parts))
            for parts in sentences
        )
        found.append((title, told))
    return tuple(found)


def is_model(case: Case) -> bool:
    """Whether a model had any part in it."""
    return any(labels.is_model(each.resource) for each in case.drafts)


def _held(stored: StoredResource) -> Held:
    resource = result_versions.unversioned(r4.decode(stored.content))
    return Held(resource, stored.version, stored.last_updated, stored.message_id)


def _asks(task: Node) -> bool:
    return any(coding.get("code") == "approve" for coding in task["code"].get("coding", []))


def _named(draft: Node, results: Iterable[Node], provenances: Iterable[Node]) -> Iterator[str]:
    """References to what a draft was made from."""
    for each in provenances:
        yield from (
            one["what"].get("reference", "") for one in each.get("entity", []) if one["role"] == "source"
        )
    for each in results:
        yield from (one.get("reference", "") for one in each.get("derivedFrom", []))
    yield from (one.get("reference", "") for one in draft.get("imagingStudy", []))
    yield from (one["link"].get("reference", "") for one in draft.get("media", []))
    yield from (one.get("reference", "") for one in draft.get("context", {}).get("related", []))


def _seen(case: Case) -> Case:
    """The case with what stands for its versions."""
    parts = (case.task, case.focus, *case.results, *case.notes, *case.sources, case.patient)
    listed = sorted(f"{each.reference}/_history/{each.version}" for each in parts if each)
    listed += [f"{each.reference} {each.text}" for each in case.changes]
    digest = hashlib.sha256("\n".join(listed).encode()).hexdigest()[:16]
    return replace(case, seen=digest)
