"""What a person decided, into the store: drawn, sealed and prepared first, then in one transaction.

The versions are computed before they are stored, so that Provenance and seal can name the SHA-256 of the very
bytes that will be served; the transaction compares, and nothing is kept when anything moved meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integration.errors import Conflict
from integration.flows.presenting import present
from integration.flows.review_case import Case, Cases
from integration.flows.review_ports import Release, Releasing
from integration.flows.signers import actor_of
from integration.flows.writing import Scribe
from integration.store import audit, links, result_versions
from integration.store.database import Database, Transaction
from integration.store.ids import utc_text
from integration.store.result_records import Outcome
from integration.store.results import Results
from mappers.domain.attribution import AuditEvent, Software
from mappers.domain.sheet import Signed
from mappers.domain.standing import decided
from mappers.domain.times import Moment
from mappers.fhir import device, r4, signing, spoken
from mappers.fhir.result_bundle import Entry
from mappers.fhir.signing import Act, Bound, Person

Node = dict[str, Any]

_WRITTEN = frozenset({Outcome.CREATED, Outcome.UPDATED, Outcome.UNCHANGED, Outcome.EXISTS})
_KINDS = {Act.SIGN: "review.signed", Act.REJECT: "review.rejected", Act.AMEND: "review.amended"}
_MOVED = "the draft, its source or its patient changed meanwhile: look again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An act before its transaction.

    Attributes:
        reason: what they said: the meaning, or why.
        meaning: of the signature; "" where the act signs nothing.
        task_status: of the Task afterwards.
        confirmed: they confirmed that they know what changed.
        at: aware.
    """

    act: Act
    case: Case
    person: Person
    reason: str
    meaning: str
    task_status: str
    confirmed: bool
    at: datetime

    @property
    def instant(self) -> str:
        """When, in milliseconds as the store has it."""
        return f"{utc_text(self.at)[:23]}Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """Where acts are filed; the attributes are those of `review.Reviews`."""

    database: Database
    results: Results
    software: Software
    seal: Callable[[Mapping[str, Any]], str]
    responsible: Node | None
    releasing: Releasing | None

    def file(self, plan: Plan, resources: Sequence[Node]) -> str:
        """Store what an act made of the drafts; the reference of its Provenance.

        Raises:
            Conflict: something moved since the case was read; nothing is stored.
            StoreUnavailable: nothing is stored.
        """
        with self.database.read() as connection:
            entries = self._entries(connection, plan, resources)
            bound = tuple(self._bound(connection, entry.resource, plan) for entry in entries)
        task = self._task(plan)
        provenance = self._provenance(plan, bound or self._task_bound(plan, task))
        release = self._release(plan, [*(entry.resource for entry in entries), provenance])
        rank = decided(Moment(plan.instant))
        written = [
            Entry(device.write(self.software), once=True),
            *entries,
            *([Entry(task, rank)] if task else []),
            Entry(provenance, once=True),
        ]
        self.database.write(
            lambda connection: self._store(connection, plan, written, bound, release)
        ).result()
        return f"Provenance/{provenance['id']}"

    def _entries(self, connection: Transaction, plan: Plan, resources: Sequence[Node]) -> tuple[Entry, ...]:
        """The resources as they will stand: pointed to where links lead, drawn anew, judged valid."""
        rank = decided(Moment(plan.instant))
        settled = links.settle(
            connection, [Entry(each, rank) for each in resources], message_id=None, now=plan.at
        )
        entries = [Entry(dict(each.resource), rank) for each in settled]
        signed = [Signed(plan.person.name, spoken.moment(plan.instant), plan.meaning)] if plan.meaning else []
        drawn = present(
            entries,
            context=[
                *self._context(connection, plan, entries),
                *(each.resource for each in plan.case.pictures),
            ],
            signatures=(*plan.case.signatures, *signed),
            signer=plan.person.reference if plan.meaning else None,
        )
        if any(not r4.is_valid(entry.resource) for entry in drawn):
            raise Conflict("what would be written is not valid FHIR: it was not written")
        return drawn

    def _context(self, connection: Transaction, plan: Plan, entries: Sequence[Entry]) -> Iterator[Node]:
        """What the page names; the patient is the one that the subject leads to now."""
        yield from plan.case.context
        for entry in entries:
            subject = entry.resource.get("subject", {}).get("reference", "")
            held = Cases(self.results).held(connection, subject)
            if held:
                yield held.resource
                return

    def _bound(self, connection: Transaction, resource: Node, plan: Plan) -> Bound:
        """The version that a resource will be, or is already when nothing of it changes."""
        reference = f"{resource['resourceType']}/{resource['id']}"
        held = Cases(self.results).held(connection, reference)
        if held and result_versions.canonical(held.resource) == result_versions.canonical(resource):
            stored = self.results.read(connection, resource["resourceType"], resource["id"])
            return Bound(reference, held.version, hashlib.sha256(stored.content).hexdigest())
        version = held.version + 1 if held else 1
        content = self.results.as_served(resource, version=version, now=plan.at)
        return Bound(reference, version, hashlib.sha256(content).hexdigest())

    def _task(self, plan: Plan) -> Node | None:
        """The Task as they leave it; None where it was closed before."""
        if not plan.case.is_open:
            return None
        return signing.task(
            plan.case.task.resource,
            status=plan.task_status,
            person=plan.person,
            at=plan.instant,
            reason=plan.reason,
        )

    def _task_bound(self, plan: Plan, task: Node | None) -> tuple[Bound, ...]:
        """Of a question nothing but the Task is there to be decided about."""
        version = plan.case.task.version + 1
        content = self.results.as_served(task or {}, version=version, now=plan.at)
        return (Bound(plan.case.task.reference, version, hashlib.sha256(content).hexdigest()),)

    def _provenance(self, plan: Plan, bound: Sequence[Bound]) -> Node:
        facts = {
            "act": plan.act.value,
            "at": plan.instant,
            "changes_confirmed": plan.confirmed and bool(plan.case.changes),
            "login": plan.person.login,
            "meaning": plan.meaning,
            "name": plan.person.name,
            "reason": plan.reason,
            "targets": [
                {"reference": each.reference, "sha256": each.sha256, "version": each.version}
                for each in bound
            ],
        }
        return signing.provenance(
            plan.act,
            bound,
            key=(plan.case.task.reference, plan.case.seen),
            person=plan.person,
            at=plan.instant,
            reasons=tuple(dict.fromkeys(each for each in (plan.meaning, plan.reason) if each)),
            software=self.software,
            responsible=self.responsible,
            entities=list(_entities(plan.case)),
            seal=self.seal(facts) if plan.meaning else "",
        )

    def _release(self, plan: Plan, resources: Sequence[Node]) -> Release | None:
        """What leaves with it: nothing of a draft that stays a draft, nothing of one that nobody had."""
        case = plan.case
        was_out = case.focus is not None and signing.is_final(case.focus.resource)
        if self.releasing is None or not case.task.message_id or not (plan.meaning or was_out):
            return None
        devices = [each for each in case.context if each["resourceType"] == "Device"]
        pictures = [each.resource for each in case.pictures]
        return self.releasing.prepare(
            case.task.message_id, [*devices, *pictures, *resources, *case.provenances]
        )

    def _store(
        self,
        connection: Transaction,
        plan: Plan,
        entries: Sequence[Entry],
        bound: Sequence[Bound],
        release: Release | None,
    ) -> None:
        """All of an act, in the caller's transaction."""
        if Cases(self.results).read(connection, plan.case.task.reference).seen != plan.case.seen:
            raise Conflict(_MOVED)
        actor = actor_of(plan.person)
        message_id = plan.case.task.message_id
        scribe = Scribe(
            connection=connection, results=self.results, message_id=message_id, now=plan.at, actor=actor
        )
        outcomes = scribe.write(entries)
        if any(each.outcome not in _WRITTEN for each in outcomes):
            raise Conflict(_MOVED)
        for each in bound:
            kind, _, key = each.reference.partition("/")
            stored = self.results.read(connection, kind, key)
            if hashlib.sha256(stored.content).hexdigest() != each.sha256:
                raise Conflict(_MOVED)
        audit.append(connection, _event(plan, bound, actor))
        if release is not None:
            release.add(connection, outcomes=outcomes, now=plan.at)


def _entities(case: Case) -> Iterator[Node]:
    """What was decided about, as it was, and what was looked at."""
    for each in case.drafts or (case.task,):
        yield signing.earlier_version(each.reference, each.version)
    for source in case.sources:
        yield {"role": "source", "what": {"reference": source.reference}}


def _event(plan: Plan, bound: Sequence[Bound], actor: str) -> AuditEvent:
    """The audit record: ids, versions, the meaning, which is of the settings. A reason is free text."""
    focus = plan.case.focus
    details: dict[str, str | bool | tuple[str, ...]] = {
        "task": plan.case.task.reference,
        "versions": tuple(f"{each.reference}/_history/{each.version}" for each in bound),
    }
    if plan.meaning:
        details["meaning"] = plan.meaning
    if plan.case.changes:
        details["changes_confirmed"] = plan.confirmed
    if plan.person.shell_user:
        details["shell_user"] = plan.person.shell_user
    return AuditEvent(
        kind=_KINDS[plan.act],
        at=Moment(utc_text(plan.at)),
        actor=actor,
        message_id=plan.case.task.message_id,
        resource=focus.reference if focus else plan.case.task.reference,
        details=details,
    )
