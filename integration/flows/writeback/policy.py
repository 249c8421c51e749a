"""What of a shipment may leave, and in what shape: documents, their size and place, and validity.

| a resource | leaves |
|---|---|
| a DocumentReference that holds nothing but links | not: servers do not link to what a client names |
| an attachment that is longer than the destination takes | not: parked |
| any that R4 forbids, as it would leave | not: parked, with the place of the fault |
| to a server of US Core notes: | |
| - a DocumentReference without LOINC type or subject | parked; a missing category is clinical-note |
| - an attachment that is neither plain text nor PDF | parked |
| - one that is entered in error | its id, status and subject alone |
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any, Final

from integration.errors import DestinationRefused
from integration.flows.writeback.ports import Terms
from integration.flows.writeback.shipment import Item
from mappers.domain.coding import LOINC
from mappers.domain.issues import Severity
from mappers.fhir import departure, erasure, r4
from mappers.fhir.categories import CLINICAL_NOTE

Node = dict[str, Any]

_NOTES: Final = frozenset({"text/plain", "application/pdf"})
_WITHDRAWN: Final = "entered-in-error"
_PARTIAL: Final = ("resourceType", "id", "status", "subject")


class Policy:
    """What one destination is to get of one shipment."""

    def __init__(self, terms: Terms, *, base: str, binaries: Mapping[str, Node]) -> None:
        self._terms = terms
        self._base = base
        self._binaries = binaries

    def omits(self, item: Item) -> bool:
        """Whether nothing of a document could leave, or less than it was: what is there must not lose bytes.

        It only says where one lies, or bytes of it were erased here.
        """
        resource = item.resource
        if item.kind != "DocumentReference" or resource.get("status") == _WITHDRAWN:
            return False
        attachments = [content.get("attachment", {}) for content in resource.get("content", ())]
        return all(map(self._is_link, attachments)) or any(map(self._is_erased, attachments))

    def _is_link(self, attachment: Mapping[str, Any]) -> bool:
        url = attachment.get("url")
        return isinstance(url, str) and "data" not in attachment and url not in self._binaries

    def _is_erased(self, attachment: Mapping[str, Any]) -> bool:
        binary = self._binaries.get(str(attachment.get("url")), {})
        return erasure.is_erased(attachment) or erasure.is_erased(binary)

    def depart(self, item: Item, links: Mapping[str, Node], there: Mapping[str, Node]) -> Node | None:
        """A resource as it leaves, valid; None where it is about nothing that is there.

        Args:
            item: which.
            links: the References to what it may refer to, by reference of ours.
            there: to what of ours is there; a Provenance is about nothing else.

        Raises:
            DestinationRefused: it may not leave as it is; the text names the place, nothing else.
        """
        own = item.resource
        if item.kind == "Provenance":
            own = {**own, "target": [each for each in own["target"] if _key(each) in there]}
            if not own["target"]:
                return None
        resource = departure.depart(own, links, base=self._base, inline=self._binaries)
        notes = self._terms.us_core_notes and item.kind == "DocumentReference"
        withdrawn = notes and resource.get("status") == _WITHDRAWN
        for place, attachment in () if withdrawn else _attachments(resource):
            self._judge_attachment(place, attachment)
        if notes and not withdrawn:
            resource = _note(resource)
        for issue in r4.validate({**resource, "id": "x"}):
            if issue.severity in {Severity.ERROR, Severity.FATAL}:
                raise DestinationRefused(f"not valid at {issue.location}: {issue.text}", reason="invalid")
        if withdrawn:
            return {name: resource[name] for name in _PARTIAL if name in resource}
        return resource

    def _judge_attachment(self, place: str, attachment: Mapping[str, Any]) -> None:
        if _size(attachment) > self._terms.max_document_bytes:
            text = f"{place}: longer than {self._terms.max_document_bytes} bytes"
            raise DestinationRefused(text, reason="document-too-long")
        media_type = str(attachment.get("contentType", "")).partition(";")[0].strip().lower()
        if self._terms.us_core_notes and "data" in attachment and media_type not in _NOTES:
            raise DestinationRefused(f"{place}: neither plain text nor PDF", reason="document-type")


def _key(reference: Mapping[str, Any]) -> str | None:
    return departure.key_of(reference.get("reference", ""))


def _attachments(resource: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    kind = resource["resourceType"]
    for number, content in enumerate(resource.get("content", ()) if kind == "DocumentReference" else ()):
        yield f"DocumentReference.content[{number}].attachment", content.get("attachment", {})
    for number, form in enumerate(resource.get("presentedForm", ())):
        yield f"{kind}.presentedForm[{number}]", form


def _size(attachment: Mapping[str, Any]) -> int:
    data = attachment.get("data")
    if not isinstance(data, str):
        return 0
    try:
        return len(base64.b64decode(data))
    except binascii.Error:
        return len(data)


def _note(resource: Node) -> Node:
    """A DocumentReference as US Core demands it of who writes notes."""
    codings = resource.get("type", {}).get("coding", ())
    if not any(each.get("system") == LOINC for each in codings):
        raise DestinationRefused("DocumentReference.type: no LOINC code", reason="document-type")
    if "subject" not in resource:
        raise DestinationRefused("DocumentReference.subject: nobody", reason="invalid")
    return resource if resource.get("category") else {**resource, "category": [CLINICAL_NOTE]}
