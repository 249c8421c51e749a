"""Provenance of a local copy: the resource that it is a copy of, its version, the digest of its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mappers.domain.identifiers import Identity
from mappers.fhir import device
from mappers.fhir.account import Account
from mappers.fhir.datatypes import URI_SYSTEM, absent, actor, pruned, text
from mappers.fhir.digests import source_uri
from mappers.fhir.provenance import Making

Node = dict[str, Any]

_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_OPERATIONS = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"


def write(
    targets: Sequence[str], *, source: str, sha256: str, making: Making, entered_by: str | None = None
) -> Node:
    """The Provenance of copies of one source.

    Args:
        targets: references of the copies.
        source: absolute, versioned URL of the original; "" of a submission, which only its digest names.
        sha256: hex digest of the bytes as they came.
        making: what copied it, when, for whom.
        entered_by: who submitted it, as the audit trail names them.
    """
    identity = Identity("Provenance", ("copy", source, sha256, making.software.name, making.software.version))
    digest = {"system": URI_SYSTEM, "value": source_uri(sha256)}
    what = pruned({"reference": source or None, "identifier": digest})
    resource = _head(identity, targets, making, "CREATE", entity=what)
    if entered_by and (name := text(entered_by)):
        who = {"identifier": {"value": name}, "display": name}
        resource["agent"].append(_agent("enterer", who))
    return resource


def write_withdrawal(target: str, *, source: str, reason: str, making: Making) -> Node:
    """The Provenance of a copy that is marked as in error, because its original is no longer there."""
    identity = Identity("Provenance", ("withdrawal", source, target, making.recorded.text))
    resource = _head(identity, [target], making, "NULLIFY", entity={"reference": source})
    return {**resource, "reason": [{"text": reason}]}


def _head(
    identity: Identity, targets: Sequence[str], making: Making, operation: str, *, entity: Node
) -> Node:
    behalf = actor(making.responsible, Account()) if making.responsible else None
    engine = _agent("assembler", {"reference": device.identity_of(making.software).reference})
    engine["onBehalfOf"] = behalf or {"extension": absent(), "type": "Organization"}
    return {
        "resourceType": "Provenance",
        "id": identity.id,
        "target": [{"reference": each} for each in targets],
        "recorded": making.recorded.text,
        "activity": {"coding": [{"system": _OPERATIONS, "code": operation}]},
        "agent": [engine],
        "entity": [{"role": "source", "what": entity}],
    }


def _agent(role: str, who: Node) -> Node:
    return {"type": {"coding": [{"system": _PARTICIPANT, "code": role}]}, "who": who}
