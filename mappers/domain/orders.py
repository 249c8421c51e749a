"""Orders: what was asked for, by whom, why."""

from __future__ import annotations

from dataclasses import dataclass, field

from mappers.domain.coding import Concept
from mappers.domain.identifiers import Identifier, Identity
from mappers.domain.people import ContactPoint, Practitioner
from mappers.domain.times import Moment, Period


@dataclass(frozen=True, slots=True)
class Note:
    """A comment (NTE), its lines in order, and the segment it came from."""

    text: str
    origin: str
    author: Practitioner | None = None
    time: Moment | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A service request (ORC, OBR and what hangs below).

    Attributes:
        status: FHIR request-status.
        mentioned: a result or document speaks of it in passing; what the order itself says goes before that.
        intent: FHIR request-intent.
        aliases: what it is called by messages that know another of its numbers only.
        study: StudyInstanceUID of the images that it leads to (ZDS-1, IPC-3).
        priority: FHIR request-priority or None.
        details: what narrows the code: modality, protocol, supplemental service information.
        status_reason: why it has its status (ORC-16).
        callback: whom to call (OBR-17, ORC-14).
        based_on: the parent order by its numbers.
        replaces: orders that it takes the place of.
        supporting: what was observed or asked for its sake.
        specimens: what it is to be done on.
        emptied: names of attributes that have no value any more (HL7 null).
        origins: labels of the segments it was read from, e.g. ("ORC[1]", "OBR[1]").
    """

    identity: Identity
    status: str
    mentioned: bool = False
    intent: str = "order"
    identifiers: tuple[Identifier, ...] = field(default=())
    aliases: tuple[Identity, ...] = field(default=())
    requisition: Identifier | None = None
    accession: Identifier | None = None
    study: Identifier | None = None
    code: Concept | None = None
    details: tuple[Concept, ...] = field(default=())
    category: tuple[Concept, ...] = field(default=())
    priority: str | None = None
    status_reason: Concept | None = None
    authored_on: Moment | None = None
    occurrence: Moment | Period | None = None
    requester: tuple[Practitioner, ...] = field(default=())
    callback: ContactPoint | None = None
    reasons: tuple[Concept, ...] = field(default=())
    clinical_information: str | None = None
    notes: tuple[Note, ...] = field(default=())
    based_on: tuple[Identifier, ...] = field(default=())
    replaces: tuple[Identity, ...] = field(default=())
    supporting: tuple[Identity, ...] = field(default=())
    specimens: tuple[Identity, ...] = field(default=())
    emptied: tuple[str, ...] = field(default=())
    origins: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class OrderNotice:
    """What becomes of an order that is named by its number and not by its test (ORC without OBR).

    Attributes:
        identity: of the number; no resource has it.
        identifiers: the numbers, by any of which the order is found.
        status: FHIR request-status.
        status_reason: why it has its status (ORC-16).
    """

    identity: Identity
    identifiers: tuple[Identifier, ...]
    status: str
    status_reason: Concept | None = None
    origin: str = "ORC[1]"
