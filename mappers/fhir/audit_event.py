"""AuditEvent (R4) of a record of the audit chain, in the shapes of IHE BALP 1.1.4 where they fit.

BALP's profiles are for REST transactions with a network address of each side, which an MLLP message or an act
inside Wardwire does not have, so none is claimed in meta.profile; their type, subtype, agent and entity codes
are used. Pure: knows the domain, not the chain.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from mappers.domain.attribution import AuditEvent, Software

_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_EVENT_TYPE = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
_SOURCE_TYPE = "http://terminology.hl7.org/CodeSystem/security-source-type"
_LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
_INTERACTION = "http://hl7.org/fhir/restful-interaction"

Coding = dict[str, str]

#: Enough of a SHA-256 that no two records share it, and an id fits.
_HASH_DIGITS = 32
_NAME = re.compile(rf"([1-9][0-9]{{0,17}})-[0-9a-f]{{{_HASH_DIGITS}}}")


class _Shape(NamedTuple):
    """How a kind of event is told: AuditEvent.type, .subtype, .action (R4 audit-event-action)."""

    type: Coding
    subtype: Coding | None
    action: str


def _coding(system: str, code: str, display: str) -> Coding:
    return {"system": system, "code": code, "display": display}


_IMPORT = _coding(_DCM, "110107", "Import")
_EXPORT = _coding(_DCM, "110106", "Export")
_ACTIVITY = _coding(_DCM, "110100", "Application Activity")
_ALERT = _coding(_DCM, "110113", "Security Alert")
_LOG_USED = _coding(_DCM, "110101", "Audit Log Used")
_REST = _coding(_EVENT_TYPE, "rest", "RESTful Operation")
_RECEIVE = _coding(_LIFECYCLE, "receive", "Receive/Retain Record Lifecycle Event")

#: Kinds that are not listed are an act of the application (DCM 110100, action E).
_SHAPES = {
    "message.received": _Shape(_IMPORT, _RECEIVE, "C"),
    "message.refused": _Shape(_IMPORT, _RECEIVE, "C"),
    "message.resent": _Shape(_IMPORT, _RECEIVE, "R"),
    "message.conflict": _Shape(_ALERT, _RECEIVE, "C"),
    "result.created": _Shape(_REST, _coding(_INTERACTION, "create", "create"), "C"),
    "result.updated": _Shape(_REST, _coding(_INTERACTION, "update", "update"), "U"),
    "result.read": _Shape(_REST, _coding(_INTERACTION, "read", "read"), "R"),
    "result.searched": _Shape(_REST, _coding(_INTERACTION, "search", "search"), "E"),
    "review.viewed": _Shape(_REST, _coding(_INTERACTION, "read", "read"), "R"),
    "review.signed": _Shape(_ACTIVITY, _coding(_LIFECYCLE, "verify", "Verify Record Lifecycle Event"), "U"),
    "review.rejected": _Shape(
        _ACTIVITY, _coding(_LIFECYCLE, "deprecate", "Deprecate Record Lifecycle Event"), "U"
    ),
    "review.amended": _Shape(
        _ACTIVITY, _coding(_LIFECYCLE, "amend", "Amend (Update) Record Lifecycle Event"), "U"
    ),
    "review.alert": _Shape(_ALERT, None, "E"),
    "delivery.delivered": _Shape(
        _EXPORT, _coding(_LIFECYCLE, "transmit", "Transmit Record Lifecycle Event"), "R"
    ),
    "evidence.disclosed": _Shape(
        _EXPORT, _coding(_LIFECYCLE, "disclose", "Disclose Record Lifecycle Event"), "R"
    ),
    "audit.checkpointed": _Shape(_LOG_USED, None, "E"),
    "audit.verified": _Shape(_LOG_USED, None, "R"),
    "audit.exported": _Shape(_LOG_USED, None, "R"),
    "audit.read": _Shape(_LOG_USED, _coding(_INTERACTION, "read", "read"), "R"),
    "audit.searched": _Shape(_LOG_USED, _coding(_INTERACTION, "search", "search"), "E"),
    "document.refused": _Shape(_ALERT, None, "E"),
    "hook.refused": _Shape(_ALERT, None, "E"),
    "submission.refused": _Shape(_ALERT, None, "E"),
    "role.started": _Shape(_ACTIVITY, _coding(_DCM, "110120", "Application Start"), "E"),
    "role.stopped": _Shape(_ACTIVITY, _coding(_DCM, "110121", "Application Stop"), "E"),
}
_OTHER = _Shape(_ACTIVITY, None, "E")


def name_of(seq: int, record_hash: str) -> str:
    """The id of an AuditEvent: its place in the chain, by which it is found, and the record there."""
    return f"{seq}-{record_hash[:_HASH_DIGITS]}"


def sequence_of(name: str) -> int | None:
    """The place in the chain that an id names; None where it is no id of ours."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else None


def write(event: AuditEvent, *, seq: int, record_hash: str, software: Software) -> dict[str, Any]:
    """An R4 AuditEvent.

    Args:
        event: what happened.
        seq: its place in the chain; becomes a detail of the first entity, with the hash.
        record_hash: hex; names the AuditEvent, so the same record is the same resource at every export.
        software: the observer.
    """
    shape = _SHAPES.get(event.kind, _OTHER)
    resource: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": name_of(seq, record_hash),
        "type": shape.type,
        "action": shape.action,
        "recorded": event.at.text,
        "outcome": event.outcome.value,
        "outcomeDesc": event.kind,
        "agent": _agents(event, shape, software),
        "source": {
            "observer": _named(software),
            "type": [_coding(_SOURCE_TYPE, "4", "Application Server")],
        },
        "entity": _entities(event, seq, record_hash),
    }
    if shape.subtype is not None:
        resource["subtype"] = [shape.subtype]
    return resource


def _agents(event: AuditEvent, shape: _Shape, software: Software) -> list[dict[str, Any]]:
    """Who acted, and for an import who received it (BALP: source 110153, destination 110152)."""
    kind, _, name = event.actor.partition(":")
    person = kind == "user" and bool(name)
    actor: dict[str, Any] = {"who": {"display": name if person else event.actor}, "requestor": person}
    if shape.type is not _IMPORT and shape.type is not _ALERT:
        return [actor]
    actor["type"] = {"coding": [_coding(_DCM, "110153", "Source Role ID")]}
    receiver = {
        "type": {"coding": [_coding(_DCM, "110152", "Destination Role ID")]},
        "who": _named(software),
        "requestor": False,
    }
    return [actor, receiver]


def _entities(event: AuditEvent, seq: int, record_hash: str) -> list[dict[str, Any]]:
    """The chain's own record with the details, then the message and the resource it is about."""
    details = {"seq": seq, "hash": record_hash, **event.details}
    entities: list[dict[str, Any]] = [
        {
            "type": _coding(_ENTITY_TYPE, "2", "System Object"),
            "role": _coding(_ROLE, "13", "Security Resource"),
            "name": "audit record",
            "detail": [{"type": key, "valueString": text} for key, text in _texts(details)],
        }
    ]
    if event.message_id is not None:
        urn = {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{event.message_id}"}
        entities.append(
            {
                "what": {"identifier": urn},
                "type": _coding(_ENTITY_TYPE, "2", "System Object"),
                "role": _coding(_ROLE, "20", "Job"),
            }
        )
    if event.resource is not None:
        entities.append(
            {
                "what": {"reference": event.resource},
                "type": _coding(_ENTITY_TYPE, "2", "System Object"),
                "role": _coding(_ROLE, "4", "Domain Resource"),
            }
        )
    return entities


def _texts(details: dict[str, Any]) -> list[tuple[str, str]]:
    """Details as texts; what is empty says nothing and FHIR has no empty string."""
    texts = []
    for key, value in details.items():
        for member in value if isinstance(value, tuple) else (value,):
            text = str(member).lower() if isinstance(member, bool) else str(member)
            if member is not None and text:
                texts.append((key, text))
    return texts


def _named(software: Software) -> dict[str, str]:
    return {"display": f"{software.name} {software.version}"}
