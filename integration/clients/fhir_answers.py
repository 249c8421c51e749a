"""What a FHIR server's answers say: resources with their versions, outcomes of writes, links.

Sends nothing.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from integration.clients.exchange import Answer
from mappers.domain.issues import Refused
from mappers.fhir import r4

Node = dict[str, Any]
ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_LOCATION = re.compile(
    r"(?:.*/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/([A-Za-z0-9\-.]{1,64}))?"
)
_ETAG = re.compile(r'(?:W/)?"(.{1,64})"')
_CREATED = 201


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A version of a resource as the server gave it.

    Attributes:
        version: meta.versionId, else the ETag; "" where the server says neither.
        raw: the bytes as read; of a search, the entry's resource written anew with its digits.
    """

    kind: str
    id: str
    version: str
    raw: bytes = field(repr=False)
    resource: Node = field(repr=False)

    @property
    def reference(self) -> str:
        """`Type/id`."""
        return f"{self.kind}/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of a write.

    Attributes:
        id: "" while the server holds it.
        created: False when it was there already, or was updated.
        held: it was taken, and is filed after a review at the server (202; US Core 9, writing notes).
    """

    kind: str
    id: str
    version: str
    created: bool
    held: bool = False

    @property
    def reference(self) -> str:
        """`Type/id`."""
        return f"{self.kind}/{self.id}"


def resources_of(bundle: Node) -> Iterator[Node]:
    """The resources of a Bundle's entries, where there are any."""
    entries = bundle.get("entry")
    for entry in entries if isinstance(entries, list) else ():
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict):
            yield resource


def found(resource: Node, raw: bytes, *, header: str = "") -> Found:
    """A resource as read; `header` is the ETag, for servers that put no version into it."""
    meta = resource.get("meta")
    version = meta.get("versionId") if isinstance(meta, dict) else None
    return Found(
        kind=str(resource.get("resourceType")),
        id=resource["id"],
        version=version if isinstance(version, str) else etag(header),
        raw=raw,
        resource=resource,
    )


def written(kind: str, answer: Answer) -> Written | None:
    """What a write did, by Location or by the body; None where the answer does not say."""
    place = answer.headers.get("location", "") or answer.headers.get("content-location", "")
    match = _LOCATION.fullmatch(place.partition("?")[0])
    resource_id, version = (match[2], match[3] or "") if match and match[1] == kind else ("", "")
    if not resource_id:
        resource_id = _id_in(answer.content, kind)
    if not resource_id:
        return None
    version = etag(answer.headers.get("etag", "")) or version
    return Written(kind=kind, id=resource_id, version=version, created=answer.status == _CREATED)


def _id_in(content: bytes, kind: str) -> str:
    try:
        body = r4.decode(content, max_bytes=len(content))
    except Refused:
        return ""
    resource_id = body.get("id")
    known = body.get("resourceType") == kind and isinstance(resource_id, str) and ID.fullmatch(resource_id)
    return str(resource_id) if known else ""


def written_entry(response: Node) -> Written | None:
    """The same of an entry.response of a transaction."""
    match = _LOCATION.fullmatch(str(response.get("location", "")))
    if match is None:
        return None
    return Written(
        kind=match[1],
        id=match[2],
        version=match[3] or etag(str(response.get("etag", ""))),
        created=str(response.get("status", "")).startswith(str(_CREATED)),
    )


def next_link(bundle: Node) -> str | None:
    """The link to the next page."""
    links = bundle.get("link")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("relation") == "next" and isinstance(link.get("url"), str):
            url: str = link["url"]
            return url
    return None


def says_the_same(one: Node, other: Node) -> bool:
    """Whether two say the same, but for what a server adds."""

    def bare(resource: Node) -> Node:
        meta = resource.get("meta") or {}
        kept = {name: value for name, value in meta.items() if name not in {"versionId", "lastUpdated"}}
        return {**{name: value for name, value in resource.items() if name != "meta"}, "meta": kept}

    return bare(one) == bare(other)


def etag(text: str) -> str:
    """The version in an ETag; "" where there is none."""
    match = _ETAG.fullmatch(text.strip())
    return match[1] if match else ""


def binary_in(content: bytes) -> tuple[bytes, str] | None:
    """The bytes and media type of a Binary as JSON; None where the JSON is something else.

    Raises:
        ValueError: its data are no base64.
    """
    try:
        body = r4.decode(content, max_bytes=len(content))
    except Refused:
        return None
    data, media_type = body.get("data"), body.get("contentType")
    if body.get("resourceType") != "Binary" or not isinstance(data, str):
        return None
    return base64.b64decode(data, validate=True), media_type if isinstance(media_type, str) else ""
