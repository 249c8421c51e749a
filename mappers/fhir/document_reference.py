"""DocumentReference of FHIR -> the document: its bytes or where they lie, what it is, what it replaces."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from typing import Any

from mappers.domain import media_types
from mappers.domain.documents import ClinicalDocument, Document, DocumentLink, DocumentRelation
from mappers.domain.identifiers import Identifier, Identity, Known
from mappers.domain.standing import standing
from mappers.fhir import datatypes_reader as types
from mappers.fhir.local_copy import references_at, target

Node = dict[str, Any]

_IN_ERROR = "entered-in-error"


def read(resource: Node) -> ClinicalDocument:
    """What a DocumentReference of our store says; its references are ours."""
    status = types.text(resource.get("status")) or _IN_ERROR
    doc_status = types.text(resource.get("docStatus"))
    if doc_status == _IN_ERROR:
        status = _IN_ERROR
    said = types.moment(types.node(resource.get("meta")).get("lastUpdated"))
    return ClinicalDocument(
        identity=Known("DocumentReference", (str(resource["id"]),)),
        status=status,
        standing=standing("final", said),
        doc_status=doc_status,
        number=types.identifier(resource.get("masterIdentifier")),
        identifiers=types.identifiers(resource.get("identifier")),
        type=types.concept(resource.get("type")),
        date=types.moment(resource.get("date")),
        description=types.text(resource.get("description")),
        relations=tuple(_relations(resource)),
        attachments=tuple(attachments(resource)),
        related=tuple(related_orders(resource)),
    )


def attachments(resource: Node) -> Iterator[Document | DocumentLink]:
    """The attachments of a DocumentReference that hold bytes or say where they lie."""
    for content in types.nodes(resource.get("content")):
        found = attachment(types.node(content.get("attachment")), origin="DocumentReference")
        if found is not None:
            yield found


def attachment(node: Node, *, origin: str) -> Document | DocumentLink | None:
    """An Attachment: its bytes, with the type that they have; else where they lie; None: it says neither."""
    title, kind = types.text(node.get("title")), media_type(node.get("contentType"))
    content = content_of(node)
    if content:
        found = media_types.sniff(content) or kind or media_types.UNKNOWN
        return Document(content, found, hashlib.sha256(content).hexdigest(), title, origin)
    url = types.text(node.get("url"))
    return DocumentLink(url, kind, title, origin) if url else None


def content_of(node: Node) -> bytes:
    """The bytes of an Attachment or Binary that holds them; empty where it does not."""
    data = node.get("data")
    try:
        return base64.b64decode(data, validate=True) if isinstance(data, str) else b""
    except (binascii.Error, ValueError):
        return b""


def media_type(value: Any) -> str | None:
    """A media type without its parameters, in lower case."""
    words = types.text(value)
    return words.partition(";")[0].strip().lower() if words else None


def related_orders(resource: Node) -> Iterator[Identity]:
    """The orders of our store that a DocumentReference belongs to."""
    for path in ("context.related", "basedOn"):
        for reference in references_at(resource, path):
            named = target(reference.get("reference"), "")
            if named and named[0] == "ServiceRequest":
                yield Known(named[0], (named[1],))


def _relations(resource: Node) -> Iterator[DocumentRelation]:
    for each in types.nodes(resource.get("relatesTo")):
        named = target(types.node(each.get("target")).get("reference"), "")
        code = types.text(each.get("code"))
        if code and named and named[0] == "DocumentReference":
            yield DocumentRelation(code, Known("DocumentReference", (named[1],)), Identifier(named[1]))
