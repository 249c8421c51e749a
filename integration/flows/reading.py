"""The workflow of a message whose content is to be read: find its story, let it read, file what came of it.

It begins when the sender's own facts are written, which never wait for a page, an image or a model.

| the reading | ends |
|---|---|
| its story read it | what came of it is stored with the end of the reading, in one transaction |
| its message was put back in the queue | PROCESSED, "superseded": it is asked for again |
| no story reads its kind | PROCESSED, "no-story" |
| a model or a server is not there now | tried again later; the last attempt does without |
| the images of its study still arrive | looked at again later, which is no attempt; others pass it |
| it failed for good | PARKED with the code of why |

A story stores nothing. What a model answered is kept apart and at once, so that nothing that happens here
makes it answer twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from inference.errors import InferenceError
from integration import telemetry
from integration.errors import (
    Conflict,
    NotFound,
    SettingsInvalid,
    StoreUnavailable,
    StudyUnsettled,
    WardwireError,
)
from integration.flows import retry
from integration.flows.door import Terms
from integration.flows.fhir_door import RESOURCE
from integration.flows.filing_drafts import Cabinet, Filed, FiledSource
from integration.flows.ports import Later
from integration.flows.presenting import Presenter
from integration.flows.sending import Leaving, Sending
from integration.states import Attempt, MessageState
from integration.store import extractions
from integration.store.database import Transaction
from integration.store.extractions import Extractions, StoredExtraction
from integration.store.ids import utc_text
from integration.store.inbox import Inbox
from integration.store.records import Act, StoredMessage
from integration.store.result_records import WriteOutcome
from mappers.domain.issues import Refused

ACTOR = "worker"
#: The kind of a message that is no FHIR resource.
HL7_V2 = "HL7 v2"
_LOG = telemetry.logger(__name__)


class Fileable(Protocol):
    """What came of a reading, to be stored."""

    def file(self, connection: Transaction, cabinet: Cabinet, *, now: datetime) -> None:
        """Store it, and take back what it replaces, in the caller's transaction."""


class Story(Protocol):
    """Reads messages of one kind."""

    def read(self, message: StoredMessage, *, last: bool) -> Sequence[Fileable]:
        """What the message's content leads to; stores nothing.

        Args:
            message: with its bytes.
            last: whether what is not there now, a model or a server, is done without.

        Raises:
            InferenceError, WardwireError, Refused: `retry.verdict` says what follows.
        """


def kind_of(message: StoredMessage) -> str:
    """What finds the story of a message: the type of a FHIR resource ("ImagingStudy"), else HL7_V2."""
    return message.sender if message.trigger == RESOURCE else HL7_V2


@dataclass(frozen=True, slots=True)
class ReadingFlow:
    """What the workflow needs.

    Attributes:
        presenter: draws what was drafted.
        stories: by kind (`kind_of`).
        terms: by channel name.
        clock: aware now.
        max_attempts: attempts to reach a model or a server; the next one does without.
        sending: where drafts leave for, in the transaction that files them; None sends none.
    """

    inbox: Inbox
    cabinet: Cabinet
    presenter: Presenter
    readings: Extractions
    stories: Mapping[str, Story]
    terms: Mapping[str, Terms]
    clock: Callable[[], datetime]
    max_attempts: int = 5
    sending: Sending | None = None

    def read(self, message_id: str) -> Later | None:
        """Read one stored message; what it returns says when to try again."""
        try:
            begun = self.readings.begin(message_id)
        except (Conflict, NotFound):
            return None  # read by an earlier run, or nothing was asked for
        except StoreUnavailable:
            return Later(retry.delay_seconds(1))
        try:
            self._story(begun)
        except (WardwireError, InferenceError, Refused) as error:
            return self._give_up(begun, error)
        return None

    def _story(self, begun: StoredExtraction) -> None:
        message = self.inbox.load(begun.message_id)
        if message.state is not MessageState.PROCESSED:
            self._end(message.id, "superseded")
            return
        if message.channel not in self.terms:
            raise SettingsInvalid("the channel of this message is no longer in the settings")
        story = self.stories.get(kind_of(message))
        if story is None:
            self._end(message.id, "no-story")
            return
        filed = [
            self._presented(each) for each in story.read(message, last=begun.attempts > self.max_attempts)
        ]
        leaving = self._leaving(message, filed)
        now = self.clock()

        def store(connection: Transaction) -> None:
            heard: list[WriteOutcome] = []
            cabinet = replace(self.cabinet, heard=heard)
            for each in filed:
                each.file(connection, cabinet, now=now)
            if self.sending is not None:
                self.sending.add(connection, message, leaving, outcomes=heard, now=now)
            act = Act(utc_text(now), ACTOR, None)
            extractions.finish(connection, message.id, MessageState.PROCESSED, act)

        self.cabinet.database.write(store).result()

    def _leaving(self, message: StoredMessage, filed: Sequence[Fileable]) -> tuple[Leaving, ...]:
        """What is to leave for destinations that take drafts."""
        if self.sending is None:
            return ()
        drafts = [one for each in filed if isinstance(each, Filed | FiledSource) for one in each.drafts]
        resources = [entry.resource for draft in drafts for entry in draft.entries]
        return self.sending.prepare_resources(message, resources, draft=True)

    def _presented(self, filed: Fileable) -> Fileable:
        """With every report among its drafts as people read it; drawn here, for transactions are short."""
        if isinstance(filed, FiledSource):
            drawn = (self.presenter.present(each, pictures=filed.pictures) for each in filed.drafts)
            return replace(filed, drafts=tuple(drawn))
        if isinstance(filed, Filed):
            return replace(filed, drafts=tuple(map(self.presenter.present, filed.drafts)))
        return filed

    def _end(self, message_id: str, reason: str) -> None:
        self.readings.move(message_id, MessageState.PROCESSED, actor=ACTOR, reason=reason).result()

    def _give_up(self, begun: StoredExtraction, error: Exception) -> Later | None:
        retrying = retry.verdict(error) is Attempt.RETRY
        _LOG.warning("extraction.attempt_failed", message_id=begun.message_id, code=retry.reason(error))
        if not retrying:
            reason = retry.reason(error)
            self.readings.move(begun.message_id, MessageState.PARKED, actor=ACTOR, reason=reason).result()
            return None
        if isinstance(error, StudyUnsettled):
            return Later(error.again_s, in_order=False)
        return Later(retry.delay_seconds(begun.attempts))
