"""DocumentReference from TXA, and from OBX with ED or RP.

Standard: v2-to-FHIR, TXA[DocumentReference], OBX[DocumentReference], ED[Attachment].
"""

from __future__ import annotations

from typing import Any

from mappers.domain.documents import ClinicalDocument, DocumentRelation
from mappers.domain.identifiers import Identifier
from mappers.fhir import attachment
from mappers.fhir.account import Account
from mappers.fhir.chart import Chart, instant, note_extensions
from mappers.fhir.datatypes import actor, actors, concept, concepts, identifier, identifiers, pruned, text

Node = dict[str, Any]

#: What OBX say of a document that has a TXA.
_SAID_BY_OBX = frozenset({"content", "docStatus"})


def write(document: ClinicalDocument, *, chart: Chart) -> Node:
    """The DocumentReference, its bytes as they came."""
    account = chart.account
    account.origin = document.origins[0] if document.origins else ""
    master = identifier(document.number, account) if document.number else None
    content = [{"attachment": attachment.write(each)} for each in document.attachments]
    resource = chart.head(document.identity) | pruned(
        {
            "extension": note_extensions(document.notes, "DocumentReference.extension", account),
            "masterIdentifier": master,
            "identifier": identifiers(document.identifiers, account),
            "status": document.status,
            "docStatus": document.doc_status,
            "type": concept(document.type, account),
            "subject": chart.subject,
            "date": instant(document.date, account, element="date"),
            "author": actors(document.authors, account),
            "authenticator": actor(document.authenticator, account) if document.authenticator else None,
            "relatesTo": [_relation(each, account) for each in document.relations],
            "description": text(document.description),
            "securityLabel": concepts(document.security, account),
            "content": content or [{"attachment": attachment.none()}],
            "context": _context(document, chart) or None,
        }
    )
    _trace(document, resource, account)
    return resource


def _relation(relation: DocumentRelation, account: Account) -> Node:
    number = identifier(relation.number, account)
    target = pruned({"reference": relation.parent.reference, "identifier": number})
    return {"code": relation.kind, "target": target}


def _context(document: ClinicalDocument, chart: Chart) -> Node:
    related = [{"reference": each.reference} for each in document.related]
    related += [_order(each, chart.account) for each in document.related_numbers]
    return pruned(
        {
            "encounter": [chart.encounter] if chart.encounter else None,
            "period": {"start": document.performed.text} if document.performed else None,
            "related": related,
        }
    )


def _order(number: Identifier, account: Account) -> Node:
    """An order of which TXA knows the number only."""
    return pruned({"type": "ServiceRequest", "identifier": identifier(number, account)})


def _trace(document: ClinicalDocument, resource: Node, account: Account) -> None:
    filed = any(origin.startswith("TXA") for origin in document.origins)
    for origin in document.origins:
        from_obx = filed and origin.startswith("OBX")
        without = resource.keys() - _SAID_BY_OBX if from_obx else ()
        account.wrote_all((origin,), resource, without=without)
