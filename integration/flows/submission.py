"""Direct submission: what was sent is on disk, and its resources are in the store, before it is answered.

| what was submitted | becomes | answer |
|---|---|---|
| resources that are taken | message, resources, Provenance, ledger, readings to do, in one commit | created |
| the same again, by bytes or by what it says | an audit record, or nothing new | as before |
| what `If-None-Exist` finds | nothing | what was found |
| what is no FHIR, not taken, not valid, or points where it may not | kept as refused, and why | refused |
| what contradicts what is stored | kept as refused | conflict |
| anything while the store takes no writes | nothing | StoreUnavailable: send it again |

Each resource that is to be read (a document, a medium, a study) gets a message of its own, whose bytes only
name it, so that whatever its road was, one story reads it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from integration.errors import Conflict, NotFound
from integration.flows.fhir_door import RESOURCE
from integration.flows.fhir_resource import is_machine_made, line
from integration.flows.local_copies import KINDS, SUBMITTED
from integration.flows.writing import Scribe
from integration.states import MessageState
from integration.store import ledgers, messages, search_reader
from integration.store.database import Database, Transaction
from integration.store.ids import utc_text
from integration.store.inbox import Inbox
from integration.store.records import Act, Arrival, Receipt, StoredMessage
from integration.store.result_records import WriteOutcome
from integration.store.results import Results
from mappers.domain.acknowledgement import Verdict
from mappers.domain.attribution import Software
from mappers.domain.channels import Channel
from mappers.domain.issues import Issue, IssueCode, Refused, Severity
from mappers.domain.people import Organization
from mappers.domain.standing import standing
from mappers.domain.times import Moment
from mappers.fhir import copy_provenance, device, r4, submission, submission_parts
from mappers.fhir.digests import source_uri
from mappers.fhir.provenance import Making
from mappers.fhir.result_bundle import Entry
from mappers.fhir.source_identities import Place
from mappers.fhir.submission import World
from mappers.fhir.submission_parts import Style, Submission

Node = dict[str, Any]

#: `Arrival.trigger` of a submission.
SUBMISSION = "FHIR submission"
ACTOR = "worker"
#: What is handed on to be read.
_READ = frozenset({"DocumentReference", "ImagingStudy", "Media"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request.

    Attributes:
        body: its bytes.
        kind: the type that the address named; None for a Bundle, or any.
        media_type: of a Binary that came as its bytes; "" for JSON.
        unless: If-None-Exist.
        peer: who sent it, for the audit trail.
    """

    body: bytes = field(repr=False)
    kind: str | None
    media_type: str = ""
    unless: str = field(default="", repr=False)
    peer: str

    def parse(self) -> Submission:
        """The entries.

        Raises:
            Refused: there are none.
        """
        if self.media_type:
            node = submission_parts.binary(self.body, self.media_type)
            return Submission(Style.SINGLE, (submission_parts.Entry(where="Binary", resource=node),))
        parsed = submission_parts.parse(r4.decode(self.body), kind=self.kind)
        if self.unless and parsed.style is Style.SINGLE:
            return replace(parsed, entries=(replace(parsed.entries[0], unless=self.unless),))
        return parsed


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one entry.

    Attributes:
        reference: of the resource; "" when it is refused.
        created: whether this submission, or the same before, made it; False where it was found.
    """

    reference: str = ""
    version: int = 0
    created: bool = True
    issues: tuple[Issue, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a submission: rows in the order of its entries; an issue refuses all of it."""

    style: Style
    rows: tuple[Row, ...] = ()
    issue: Issue | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submissions:
    """The door of submissions.

    Attributes:
        channel: whose rules count for them.
        base: of our own FHIR face.
        may_fetch: whether an address may be fetched for this channel.
        clock: aware now.
    """

    database: Database
    inbox: Inbox
    results: Results
    channel: Channel
    base: str
    software: Software
    may_fetch: Callable[[str], bool]
    clock: Callable[[], datetime]
    responsible: Organization | None = None

    def submit(self, sent: Sent) -> Answered:
        """Take a submission; when this returns, it is on disk or refused.

        Raises:
            StoreUnavailable: nothing was committed.
        """
        now = self.clock()
        try:
            parsed = sent.parse()
            with self.database.read() as connection:
                read = self._read(connection, parsed, sent)
            if read.refused:
                worst = next(each for entry in read.entries for each in entry.issues if entry.refused)
                return self._refused(sent, read.style, _issues(read), worst, read)
            return self._written(sent, read, now)
        except Refused as refusal:
            return self._refused(sent, Style.SINGLE, (refusal.issue,), refusal.issue, None)
        except Conflict:
            text = "it contradicts what is stored: another patient, or two that are said to be one"
            issue = Issue(Severity.FATAL, IssueCode.CONFLICT, "", text)
            return self._refused(sent, Style.SINGLE, (issue,), issue, None)

    def _read(self, connection: Transaction, parsed: Submission, sent: Sent) -> Submission:
        world = World(
            place=Place(self.channel, f"submission:{self.channel.name}"),
            base=self.base,
            source=source_uri(hashlib.sha256(sent.body).hexdigest()),
            find=lambda kind, name: _find(self.results, connection, kind, name),
            may_fetch=self.may_fetch,
        )
        return submission.read(parsed, world, known=dict(self._known(connection, parsed)))

    def _known(self, connection: Transaction, parsed: Submission) -> Iterator[tuple[int, str]]:
        """Entries that need not be written, for what they would be is there (R4 http §3.1.0.8.1)."""
        for number, entry in enumerate(parsed.entries):
            kind = str(entry.resource.get("resourceType"))
            if not entry.unless or kind not in submission_parts.TYPES:
                continue
            mapped = search_reader.read(kind, parse_qsl(entry.unless), base=self.base, strict=True)
            if mapped.refused or not mapped.value.criteria:
                text = "ifNoneExist is no search that this server knows"
                raise Refused(Issue(Severity.FATAL, IssueCode.INVALID, f"{entry.where}.request", text))
            found = self.results.search(connection, replace(mapped.value, count=2, total=False)).matches
            if len(found) > 1:
                text = "ifNoneExist finds several"
                raise Refused(Issue(Severity.FATAL, IssueCode.BUSINESS_RULE, f"{entry.where}.request", text))
            if found:
                yield number, f"{found[0].type}/{found[0].id}"

    def _written(self, sent: Sent, read: Submission, now: datetime) -> Answered:
        arrival = self._arrival(sent, now)
        entries = self._entries(sent, read, now)
        derived = [self._derived(each.resource, now) for each in _to_read(read)]

        def store(connection: Transaction, receipts: Sequence[Receipt]) -> dict[str, WriteOutcome]:
            message_id = receipts[0].message_id
            if receipts[0].duplicate:
                return {}
            scribe = Scribe(
                connection=connection, results=self.results, message_id=message_id, now=now, actor=sent.peer
            )
            outcomes = scribe.write(entries)
            ledgers.keep(connection, message_id, line("", _issues(read), outcomes))
            return dict(zip((_reference(each.resource) for each in entries), outcomes, strict=False))

        written = self.inbox.submit_with([arrival, *derived], store).result()
        with self.database.read() as connection:
            return Answered(read.style, tuple(self._rows(connection, read, written)))

    def _rows(
        self, connection: Transaction, read: Submission, written: dict[str, WriteOutcome]
    ) -> Iterator[Row]:
        known = dict(self._known(connection, read))
        for number, entry in enumerate(read.entries):
            if entry.refused:
                yield Row(issues=entry.issues)
                continue
            reference = entry.identity.reference if entry.identity else known.get(number, "")
            outcome = written.get(reference)
            if outcome is not None:
                reference = outcome.reference
            kind, _, name = reference.partition("/")
            version = outcome.version if outcome else self.results.read(connection, kind, name).version
            yield Row(reference, version, entry.identity is not None, entry.issues)

    def _entries(self, sent: Sent, read: Submission, now: datetime) -> list[Entry]:
        at = Moment(utc_text(now))
        making = Making(self.software, at, self.responsible)
        taken = [each.resource for each in read.entries if each.identity and not each.refused]
        entries = [Entry(each, _rank(each, at), by_element=_by_element(each)) for each in taken]
        if not taken:
            return []
        targets = [_reference(each) for each in taken]
        digest = hashlib.sha256(sent.body).hexdigest()
        why = copy_provenance.write(targets, source="", sha256=digest, making=making, entered_by=sent.peer)
        return [*entries, Entry(device.write(self.software), None, once=True), Entry(why, None, once=True)]

    def _arrival(self, sent: Sent, now: datetime, issues: tuple[Issue, ...] = ()) -> Arrival:
        return Arrival(
            channel=self.channel.name,
            peer=sent.peer,
            raw=sent.body,
            received_at=now,
            sender=f"{sent.kind or 'Bundle'}|{sent.media_type}",
            trigger=SUBMISSION,
            order_key=f"{self.channel.name}|{SUBMITTED}",
            verdict=Verdict.ERROR if issues else Verdict.ACCEPTED,
            issues=issues,
        )

    def _derived(self, resource: Node, now: datetime) -> Arrival:
        """The message of a resource that is to be read: its name, and what tells this version from others."""
        reference = _reference(resource)
        said = {name: value for name, value in resource.items() if name != "meta"}
        mark = hashlib.sha256(r4.encode(said)).hexdigest()[:16]
        pointer = {
            "resourceType": resource["resourceType"],
            "id": resource["id"],
            "meta": {"versionId": mark},
        }
        subject = resource.get("subject", {}).get("reference")
        return Arrival(
            channel=self.channel.name,
            peer=SUBMITTED,
            raw=r4.encode(pointer),
            received_at=now,
            control_id=f"{reference}/_history/{mark}",
            sender=resource["resourceType"],
            trigger=RESOURCE,
            order_key=f"{self.channel.name}|{subject or reference}",
        )

    def _refused(
        self, sent: Sent, style: Style, issues: tuple[Issue, ...], worst: Issue, read: Submission | None
    ) -> Answered:
        """Keep the bytes and say why."""
        self.inbox.submit(self._arrival(sent, self.clock(), issues[:20])).result()
        rows = tuple(Row(issues=each.issues) for each in read.entries) if read else ()
        return Answered(style, rows, worst)

    def process(self, message: StoredMessage) -> None:
        """The worker's story: all is done at the door; a replay does it again, which changes nothing.

        Raises:
            Refused, WardwireError: see `retry`.
        """
        if message.replays:
            assert message.raw is not None
            kind, _, media_type = message.sender.partition("|")
            sent = Sent(
                body=message.raw,
                kind=kind if kind != "Bundle" else None,
                media_type=media_type,
                peer=message.peer,
            )
            self._again(sent, message)
        act = Act(utc_text(self.clock()), ACTOR, None)
        self.database.write(
            lambda connection: messages.move(connection, message.id, MessageState.PROCESSED, act)
        ).result()

    def _again(self, sent: Sent, message: StoredMessage) -> None:
        now = datetime.fromisoformat(message.received_at)
        with self.database.read() as connection:
            entries = self._entries(sent, self._read(connection, sent.parse(), sent), now)

        def store(connection: Transaction) -> None:
            Scribe(
                connection=connection,
                results=self.results,
                message_id=message.id,
                now=self.clock(),
                actor=ACTOR,
            ).write(entries)

        self.database.write(store).result()


def _to_read(read: Submission) -> Iterator[submission_parts.Entry]:
    for each in read.entries:
        taken = each.identity is not None and not each.refused
        if taken and each.resource["resourceType"] in _READ and not is_machine_made(each.resource):
            yield each


def _find(results: Results, connection: Transaction, kind: str, name: str) -> Node | None:
    try:
        stored = results.read(connection, kind, name)
    except NotFound:
        return None
    return None if stored.deleted else r4.decode(stored.content)


def _rank(resource: Node, at: Moment) -> Any:
    in_error = resource.get("status") == "entered-in-error"
    return standing("entered-in-error" if in_error else "final", at)


def _by_element(resource: Node) -> bool:
    kind = KINDS.get(resource["resourceType"])
    return kind is not None and kind.by_element


def _issues(read: Submission) -> tuple[Issue, ...]:
    return tuple(each for entry in read.entries for each in entry.issues)


def _reference(resource: Node) -> str:
    return f"{resource['resourceType']}/{resource['id']}"
