"""A draft becomes final by a named person, or is taken back by one, and in no other way.

| act | on a draft | on what is signed already |
|---|---|---|
| sign | report, results and note final; Task completed | nothing changes but the Task: it is affirmed |
| reject | all of it entered in error; Task rejected | the same: a named person takes it back |
| amend | changed values, still a draft; to be signed | amended, and signed with the same act |
| reject a question | Task rejected: nothing was written | |

| then | |
|---|---|
| it is not open any more, or not what was shown | refused: look again |
| source or patient changed since it was drafted | sign and amend: refused until they confirm that they know |
| the meaning or the reason is missing | refused |

What a person did outranks every draft and every later reading (`standing.decided`). Versions, Provenance,
audit records and deliveries are one transaction. The Provenance names the SHA-256 of each version as it is
served, and so does the installation's seal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integration.errors import Conflict, SigningRefused
from integration.flows import review_acts, signers
from integration.flows.review_acts import Amendment, Decision
from integration.flows.review_case import Case, Cases, Kind
from integration.flows.review_filing import Filing, Plan
from integration.flows.review_ports import Releasing
from integration.flows.signers import ReviewTerms
from integration.store import audit
from integration.store.database import Database
from integration.store.ids import utc_text
from integration.store.results import Results
from mappers.domain.attribution import AuditEvent, Software
from mappers.domain.times import Moment
from mappers.fhir import signing
from mappers.fhir.signing import Act

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an act: the case, and the Provenance of it."""

    case: str
    provenance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviews:
    """What the story needs.

    Attributes:
        seal: JWS of the installation over facts (`store.signatures.seal`).
        responsible: Reference to the organization that people act for; None where not configured.
        releasing: what leaves when something was signed, amended or taken back.
        clock: aware now.
    """

    database: Database
    results: Results
    terms: ReviewTerms
    software: Software
    clock: Callable[[], datetime]
    seal: Callable[[Mapping[str, Any]], str]
    responsible: Node | None = None
    releasing: Releasing | None = None

    def waiting(self, *, limit: int = 100) -> tuple[Case, ...]:
        """The cases that wait for a person, newest first."""
        cases = Cases(self.results)
        with self.database.read() as connection:
            return tuple(
                cases.read(connection, task.reference) for task in cases.tasks(connection, limit=limit)
            )

    def show(self, key: str) -> Case:
        """One case.

        Raises:
            NotFound: there is none under that id.
        """
        with self.database.read() as connection:
            return Cases(self.results).read(connection, key)

    def tell_viewed(self, actor: str, cases: Sequence[Case], *, request_id: str = "", part: str = "") -> None:
        """Put on record that somebody looked, before they see it.

        Args:
            actor: who.
            cases: at what.
            request_id: of the web request.
            part: at which part of it: "source 0 page 2"; "" for all.

        Raises:
            StoreUnavailable: nothing was recorded, so nothing may be shown.
        """
        at = Moment(utc_text(self.clock()))
        told = {"request_id": request_id, "part": part}
        details = {name: text for name, text in told.items() if text}
        events = [
            AuditEvent(
                kind="review.viewed", at=at, actor=actor, resource=each.task.reference,
                message_id=each.task.message_id, details=details,
            )
            for each in cases
        ]  # fmt: skip
        if events:
            self.database.write(lambda connection: audit.append(connection, *events)).result()

    def sign(self, key: str, decision: Decision) -> Done:
        """Make a draft final, or affirm what is signed.

        Raises:
            NotFound, Conflict, SigningRefused, StoreUnavailable: nothing was changed.
        """
        case = self._case(key, decision, may_be_closed=False)
        if case.kind is Kind.QUESTION:
            raise SigningRefused("nothing was written that could be signed: close it with a reason")
        meaning = self.terms.meaning(decision.reason)
        _demand_confirmation(case, decision)
        plan = self._plan(Act.SIGN, case, decision, meaning=meaning, task_status="completed")
        return self._carry_out(plan, review_acts.signed(case, decision.person, at=plan.instant))

    def reject(self, key: str, decision: Decision) -> Done:
        """Take a draft back, or what is signed; close a question.

        Raises:
            NotFound, Conflict, SigningRefused, StoreUnavailable: nothing was changed.
        """
        case = self._case(key, decision, may_be_closed=True)
        signers.reason(decision.reason)
        plan = self._plan(Act.REJECT, case, decision, task_status="rejected")
        return self._carry_out(plan, review_acts.rejected(case))

    def amend(self, key: str, decision: Decision, amendment: Amendment) -> Done:
        """Put a person's words in the place of a draft's, or of what is signed.

        Raises:
            NotFound, Conflict, SigningRefused, StoreUnavailable: nothing was changed.
        """
        case = self._case(key, decision, may_be_closed=True)
        if case.kind is Kind.QUESTION or case.focus is None:
            raise SigningRefused("nothing was written that could be amended: close it with a reason")
        signers.reason(decision.reason)
        _demand_confirmation(case, decision)
        is_signed = signing.is_final(case.focus.resource)
        meaning = self.terms.meaning(amendment.meaning) if is_signed else ""
        status = "completed" if is_signed else case.task.resource["status"]
        plan = self._plan(Act.AMEND, case, decision, meaning=meaning, task_status=status)
        return self._carry_out(plan, review_acts.amended(case, amendment, decision.person, at=plan.instant))

    def _case(self, key: str, decision: Decision, *, may_be_closed: bool) -> Case:
        case = self.show(key)
        if case.seen != decision.seen:
            raise Conflict("the draft, its source or its patient is not what was shown: look again")
        signed_before = case.focus is not None and signing.is_final(case.focus.resource)
        if not case.is_open and not (may_be_closed and signed_before):
            raise Conflict("it does not wait for anybody any more")
        return case

    def _plan(self, act: Act, case: Case, decision: Decision, *, task_status: str, meaning: str = "") -> Plan:
        return Plan(
            act=act,
            case=case,
            person=decision.person,
            reason=" ".join(decision.reason.split()),
            meaning=meaning,
            task_status=task_status,
            confirmed=decision.confirmed,
            at=self.clock(),
        )

    def _carry_out(self, plan: Plan, resources: Sequence[Node]) -> Done:
        filing = Filing(
            database=self.database,
            results=self.results,
            software=self.software,
            seal=self.seal,
            responsible=self.responsible,
            releasing=self.releasing,
        )
        return Done(plan.case.task.resource["id"], filing.file(plan, resources))


def _demand_confirmation(case: Case, decision: Decision) -> None:
    if case.changes and not decision.confirmed:
        told = "; ".join(dict.fromkeys(each.text for each in case.changes))
        raise SigningRefused(f"since it was drafted: {told}. Confirm that you know")
