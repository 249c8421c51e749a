"""Rules about resources that hold resources: contained ones (dom-*, ref-1) and Bundles (bdl-*, R4 §3.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from mappers.domain.issues import IssueCode
from mappers.fhir.references import Link

Node = dict[str, Any]

_WITH_REQUEST = frozenset({"batch", "transaction", "history"})
_WITH_RESPONSE = frozenset({"batch-response", "transaction-response", "history"})
_WITH_TOTAL = frozenset({"searchset", "history"})


class Breach(NamedTuple):
    """A rule that was broken, and where."""

    path: str
    text: str
    code: IssueCode = IssueCode.INVARIANT


def contained_breaches(resource: Node, path: str, links: list[Link]) -> Iterator[Breach]:
    """Judge `contained` and the links to it. `links` are those inside this resource."""
    contained = resource.get("contained", [])
    if not contained and not any(_is_fragment(link) for link in links):
        return
    ids = {item.get("id") for item in contained}
    named = {link.reference for link in links if _is_fragment(link)}
    for link in links:
        if _is_fragment(link) and link.reference != "#" and link.reference[1:] not in ids:
            yield Breach(link.path, "ref-1: there is no contained resource of this id")
    for index, item in enumerate(contained):
        where = f"{path}.contained[{index}]"
        inside = f"{where}."
        to_root = any(link.reference == "#" and link.path.startswith(inside) for link in links)
        if f"#{item.get('id')}" not in named and not to_root:
            yield Breach(where, "dom-3: what is contained is referred to")
        if "contained" in item:
            yield Breach(where, "dom-2: what is contained contains nothing")
        meta = item.get("meta", {})
        if "versionId" in meta or "lastUpdated" in meta:
            yield Breach(where, "dom-4: what is contained has no version")
        if "security" in meta:
            yield Breach(where, "dom-5: what is contained has no security label")


def _is_fragment(link: Link) -> bool:
    return isinstance(link.reference, str) and link.reference.startswith("#")


def bundle_breaches(bundle: Node, path: str, links: list[Link]) -> Iterator[Breach]:
    """Judge a Bundle whose elements are right. `links` are all inside it."""
    kind, entries = bundle["type"], bundle.get("entry", [])
    if "total" in bundle and kind not in _WITH_TOTAL:
        yield Breach(path, "bdl-1: total only in a searchset or history")
    for index, entry in enumerate(entries):
        yield from _entry_breaches(entry, f"{path}.entry[{index}]", kind)
    if kind == "document":
        yield from _document_breaches(bundle, path, entries)
    if kind == "message" and _first_type(entries) != "MessageHeader":
        yield Breach(path, "bdl-12: a message begins with its MessageHeader")
    yield from _url_breaches(entries, path, kind)
    if kind == "transaction":
        yield from _link_breaches(entries, links)


def _entry_breaches(entry: Node, path: str, kind: str) -> Iterator[Breach]:
    if ("request" in entry) != (kind in _WITH_REQUEST):
        yield Breach(path, "bdl-3: request in batch, transaction and history, and only there")
    if ("response" in entry) != (kind in _WITH_RESPONSE):
        yield Breach(path, "bdl-4: response in the answers and history, and only there")
    if "search" in entry and kind != "searchset":
        yield Breach(path, "bdl-2: search only in a searchset")
    if not {"resource", "request", "response"} & entry.keys():
        yield Breach(path, "bdl-5: a resource, a request or a response")
    url, resource = entry.get("fullUrl", ""), entry.get("resource", {})
    if "/_history/" in url:
        yield Breach(path, "bdl-8: fullUrl names no version")
    if url.startswith("http") and "id" in resource and not url.endswith(f"/{resource['id']}"):
        yield Breach(path, "fullUrl ends with the id of its resource")
    request = entry.get("request", {})
    if kind in {"transaction", "batch"} and request.get("method") in {"PUT", "POST"} and not resource:
        yield Breach(path, "PUT and POST carry a resource", IssueCode.REQUIRED)


def _first_type(entries: list[Node]) -> str | None:
    return entries[0].get("resource", {}).get("resourceType") if entries else None


def _document_breaches(bundle: Node, path: str, entries: list[Node]) -> Iterator[Breach]:
    if not {"system", "value"} <= bundle.get("identifier", {}).keys():
        yield Breach(path, "bdl-9: a document has an identifier with system and value")
    if "timestamp" not in bundle:
        yield Breach(path, "bdl-10: a document has a date")
    if _first_type(entries) != "Composition":
        yield Breach(path, "bdl-11: a document begins with its Composition")


def _url_breaches(entries: list[Node], path: str, kind: str) -> Iterator[Breach]:
    if kind == "history":
        return
    seen: set[tuple[str, str]] = set()
    for index, entry in enumerate(entries):
        if "fullUrl" not in entry:
            continue
        key = (entry["fullUrl"], entry.get("resource", {}).get("meta", {}).get("versionId", ""))
        if key in seen:
            yield Breach(f"{path}.entry[{index}]", "bdl-7: fullUrl is unique", IssueCode.DUPLICATE)
        seen.add(key)


def _link_breaches(entries: list[Node], links: list[Link]) -> Iterator[Breach]:
    """A urn in a transaction is the fullUrl of an entry, of a type that may stand there."""
    types = {
        entry["fullUrl"]: entry.get("resource", {}).get("resourceType")
        for entry in entries
        if "fullUrl" in entry
    }
    for link in links:
        if not isinstance(link.reference, str) or not link.reference.startswith("urn:"):
            continue
        if link.reference not in types:
            yield Breach(link.path, "no entry of this transaction has this fullUrl", IssueCode.NOT_FOUND)
        elif link.targets is not None and types[link.reference] not in link.targets:
            yield Breach(link.path, "R4 does not allow this resource type here", IssueCode.VALUE)
