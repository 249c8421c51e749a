"""The worker's story of one message: read it, map it, and store all of it in one transaction.

| the message | it becomes |
|---|---|
| is read | its resources, ledger, audit record and deliveries in one commit; PROCESSED |
| is of a type that no flow reads | PROCESSED, reason "kept-not-supported": kept, nothing written |
| cannot be read | PARKED with its issues in the ledger, reason "unreadable" |
| changes a result or order that nobody sent | PARKED, reason "earlier-missing" |
| contradicts what is stored | PARKED, reason "conflict"; its ledger says with which resource |
| meets a store that does not answer | FAILED, tried again later, in its place before its successors |
| fails in a way that nobody foresaw | PARKED, reason "unexpected" |

A replay writes nothing twice: ids come from identities, and current content is no new version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from integration import telemetry
from integration.errors import Conflict, SettingsInvalid, StoreUnavailable, WardwireError
from integration.flows import pairing, retry
from integration.flows.convert import Conversion, convert, ledger_line
from integration.flows.intake import Terms
from integration.flows.ports import Later
from integration.flows.sending import Leaving, Sending
from integration.flows.writing import Scribe
from integration.states import Attempt, MessageState
from integration.store import extractions, ledgers, messages
from integration.store.database import Database, Transaction
from integration.store.ids import utc_text
from integration.store.inbox import Inbox
from integration.store.records import Act, StoredMessage
from integration.store.result_records import WriteOutcome
from integration.store.results import Results
from mappers.domain.attribution import Software
from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.domain.people import Organization
from mappers.domain.times import Moment

ACTOR = "worker"
_LOG = telemetry.logger(__name__)


@dataclass(frozen=True, slots=True)
class LabReportFlow:
    """What the story needs.

    Attributes:
        terms: by channel name.
        clock: aware now.
        metrics: what is counted and timed; None counts nothing.
        max_attempts: attempts at one message before it is parked.
        extracting: channels whose documents are to be read, by a workflow of its own that nothing here
            waits for (`flows.reading`).
        reading_texts: the same for reports that are all text.
        sending: what leaves with the results, in their commit; None sends nothing.
        others: stories of messages of other kinds, by their trigger; each ends its message itself.
    """

    database: Database
    inbox: Inbox
    results: Results
    terms: dict[str, Terms]
    software: Software
    clock: Callable[[], datetime]
    responsible: Organization | None = None
    metrics: telemetry.Metrics | None = None
    max_attempts: int = 8
    extracting: frozenset[str] = frozenset()
    reading_texts: frozenset[str] = frozenset()
    sending: Sending | None = None
    others: Mapping[str, Callable[[StoredMessage], None]] = field(default_factory=dict)

    def process(self, message_id: str) -> Later | None:
        """Process one stored message; what it returns says when to try again."""
        began = self.clock()
        try:
            message = self.inbox.move(message_id, MessageState.PROCESSING, actor=ACTOR).result()
        except Conflict:
            return None  # finished by an earlier run, or taken off the queue by an operator
        except StoreUnavailable:
            return Later(retry.delay_seconds(1))
        try:
            outcomes = self._story(self.inbox.load(message_id))
        except Exception as error:  # noqa: BLE001  # the one place: whatever it is, the message is not lost
            return self._give_up(message, error)
        self._count(message, outcomes, self.clock() - began)
        return None

    def _count(self, message: StoredMessage, outcomes: Sequence[WriteOutcome], took: timedelta) -> None:
        if self.metrics is None:
            return
        self.metrics.processed.labels(channel=message.channel, outcome="processed").inc()
        self.metrics.process_seconds.labels(channel=message.channel).observe(took.total_seconds())
        for each in outcomes:
            self.metrics.written.labels(type=each.type, outcome=each.outcome.value).inc()

    def _story(self, message: StoredMessage) -> tuple[WriteOutcome, ...]:
        assert message.raw is not None
        if message.trigger in self.others:
            self.others[message.trigger](message)
            return ()
        terms = self.terms.get(message.channel)
        if terms is None:
            raise SettingsInvalid("the channel of this message is no longer in the settings")
        received = Moment(utc_text(datetime.fromisoformat(message.received_at)))
        conversion = convert(
            message.raw,
            channel=terms.channel,
            software=self.software,
            recorded=received,
            responsible=self.responsible,
        )
        parcels = self.sending.prepare(message, conversion.reports) if self.sending else ()
        return self.database.write(
            lambda connection: self._store(connection, message, conversion, parcels)
        ).result()

    def _store(
        self,
        connection: Transaction,
        message: StoredMessage,
        conversion: Conversion,
        parcels: Sequence[Leaving],
    ) -> tuple[WriteOutcome, ...]:
        """Everything that a message leads to, in the caller's transaction."""
        line = ledger_line(conversion, file="", index=0)
        now = self.clock()
        outcomes: tuple[WriteOutcome, ...] = ()
        state, reason = MessageState.PROCESSED, None
        if conversion.written is None:
            state, reason = _refusal(conversion)
        else:
            scribe = Scribe(
                connection=connection, results=self.results, message_id=message.id, now=now, actor=ACTOR
            )
            outcomes = scribe.write(conversion.written.entries)
            if self._is_to_be_read(conversion, message.channel):
                extractions.want(connection, message)
            pairing.want_studies(connection, self.results, outcomes)
            if self.sending:
                self.sending.add(connection, message, parcels, outcomes=outcomes, now=now)
            line["written"] = [
                {"reference": f"{each.reference}/_history/{each.version}", "outcome": each.outcome.value}
                for each in outcomes
            ]
        del line["file"], line["index"]
        ledgers.keep(connection, message.id, line)
        fatal = tuple(issue for issue in conversion.issues if issue.severity is Severity.FATAL)
        messages.move(connection, message.id, state, Act(utc_text(now), ACTOR, reason, fatal))
        return outcomes

    def _is_to_be_read(self, conversion: Conversion, channel: str) -> bool:
        documents = conversion.has_documents and channel in self.extracting
        return documents or (conversion.has_narratives and channel in self.reading_texts)

    def _give_up(self, message: StoredMessage, error: Exception) -> Later | None:
        known = isinstance(error, WardwireError)
        verdict = retry.verdict(error)
        reason = retry.reason(error)
        _LOG.warning(
            "message.attempt_failed",
            message_id=message.id,
            channel=message.channel,
            code=reason,
            exc_info=None if known else error,
        )
        retrying = verdict is Attempt.RETRY and message.attempts < self.max_attempts
        state = MessageState.FAILED if retrying else MessageState.PARKED
        if self.metrics is not None:
            self.metrics.processed.labels(channel=message.channel, outcome=state.value).inc()
        try:
            if known and not retrying:
                self._explain(message, error)
            self.inbox.move(message.id, state, actor=ACTOR, reason=reason).result()
        except StoreUnavailable:
            return Later(retry.delay_seconds(message.attempts))
        return Later(retry.delay_seconds(message.attempts)) if retrying else None

    def _explain(self, message: StoredMessage, error: Exception) -> None:
        """Leave the operator, in the ledger's place, what stopped the message: our errors quote nothing."""
        issue = Issue(Severity.ERROR, IssueCode.BUSINESS_RULE, "", str(error))
        line = ledger_line(Conversion(message.control_id, None, None, (issue,)), file="", index=0)
        del line["file"], line["index"]
        self.database.write(lambda connection: ledgers.keep(connection, message.id, line)).result()


def _refusal(conversion: Conversion) -> tuple[MessageState, str]:
    worst = conversion.issues[-1]
    if worst.hl7_error in {"200", "201"}:
        return MessageState.PROCESSED, "kept-not-supported"
    return MessageState.PARKED, "unreadable"
