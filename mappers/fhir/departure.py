"""A resource as it leaves for another server: named so that a repeat is known there, its references theirs.

Pure JSON work: which resource stands for which at the other server is decided by whoever asks.

| in our store | leaves as |
|---|---|
| the id | an identifier `urn:uuid:…`; of a Provenance, which has none, a tag |
| meta.versionId, meta.lastUpdated | nothing: the other server has its own |
| a reference to what the other server has | its reference there, without a version |
| a reference to what it has not | its business identifier, else the name of ours (a logical reference) |
| a logical reference to an address of the other server | that reference |
| an attachment that points to a Binary of ours | the bytes inline |
| an attachment that points elsewhere | nothing: servers do not link to what a client names (US Core 9) |
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mappers.domain.identifiers import NAMESPACE
from mappers.fhir.datatypes import URI_SYSTEM

Node = dict[str, Any]

#: Our own (docs/fhir-extensions.md): tells a Provenance again, which has no identifier in R4.
PROVENANCE_ID: Final = "https://wardwire.org/fhir/CodeSystem/provenance-id"
#: The order in which a server that takes one resource after the other finds references resolved.
ORDER: Final = (
    "Device", "Specimen", "Observation", "DiagnosticReport", "DocumentReference", "Task", "Provenance",
)  # fmt: skip
#: Written once and never changed.
ONCE: Final = frozenset({"Device", "Provenance"})
_RELATIVE = re.compile(r"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")
#: Elements of type Attachment in what we write.
_ATTACHMENTS = frozenset({"attachment", "presentedForm", "content", "valueAttachment"})
_SERVERS_OWN = frozenset({"versionId", "lastUpdated"})


def reference_of(resource: Mapping[str, Any]) -> str:
    """`Type/id`."""
    return f"{resource['resourceType']}/{resource['id']}"


def key_of(reference: str) -> str | None:
    """`Type/id` of a relative reference, without its version; None for any other kind."""
    match = _RELATIVE.fullmatch(reference)
    return f"{match[1]}/{match[2]}" if match else None


def urn_of(reference: str) -> str:
    """The URN by which the other server knows a resource of ours: its own id where that is a UUID."""
    name = reference.partition("/")[2]
    try:
        return uuid.UUID(name).urn
    except ValueError:
        return uuid.uuid5(NAMESPACE, reference).urn


def full_url_of(reference: str) -> str:
    """What a resource of ours is called within a transaction.

    Not its URN: some servers put the new id wherever the fullUrl stands, in an identifier too.
    """
    return uuid.uuid5(NAMESPACE, f"transaction\x1f{reference}").urn


def identifier_of(reference: str) -> Node:
    """The business identifier of a resource of ours."""
    return {"system": URI_SYSTEM, "value": urn_of(reference)}


def query_of(reference: str) -> str:
    """The search that finds it there, by identifier."""
    return f"identifier={URI_SYSTEM}|{urn_of(reference)}"


def logical(reference: str) -> Node:
    """A reference to a resource of ours by its identifier alone."""
    return {"type": reference.partition("/")[0], "identifier": identifier_of(reference)}


def bears(resource: Mapping[str, Any], reference: str) -> bool:
    """Whether what the other server holds is the resource of ours."""
    if resource.get("resourceType") == "Provenance":
        tags = _nodes(_node(resource.get("meta")).get("tag"))
        return any(
            each.get("system") == PROVENANCE_ID and each.get("code") == urn_of(reference) for each in tags
        )
    return has_identifier(resource, URI_SYSTEM, urn_of(reference))


def has_identifier(resource: Mapping[str, Any], system: str, value: str) -> bool:
    """Whether a resource has a business identifier."""
    found = [*_nodes(resource.get("identifier")), _node(resource.get("masterIdentifier"))]
    return any(each.get("system") == system and each.get("value") == value for each in found)


def references(node: Any) -> Iterator[str]:
    """Every literal reference in a resource."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            if name == "reference" and isinstance(value, str):
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def binaries(node: Any) -> Iterator[str]:
    """Keys of the Binary resources of ours that attachments point to."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            for each in value if isinstance(value, list) else (value,):
                url = each.get("url") if name in _ATTACHMENTS and isinstance(each, Mapping) else None
                key = key_of(url) if isinstance(url, str) else None
                if key is not None and key.startswith("Binary/"):
                    yield key
            yield from binaries(value)
    elif isinstance(node, list):
        for item in node:
            yield from binaries(item)


def depart(
    resource: Mapping[str, Any],
    links: Mapping[str, Node],
    *,
    base: str = "",
    inline: Mapping[str, Node] | None = None,
) -> Node:
    """A resource of ours as the other server is to have it; without an id.

    Args:
        resource: as stored.
        links: by `Type/id` of ours, the Reference that stands for it there; what is missing is named.
        base: of the other server; absolute references below it become relative.
        inline: Binary resources by key, for attachments that point to them.
    """
    reference = reference_of(resource)
    kept = {name: value for name, value in resource.items() if name not in {"id", "meta"}}
    rewriting = _Rewriting(links, base, inline or {})
    written = rewriting.node(kept) or {}
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in _SERVERS_OWN}
    if resource["resourceType"] == "Provenance":
        meta["tag"] = [*meta.get("tag", ()), {"system": PROVENANCE_ID, "code": urn_of(reference)}]
    elif not bears(resource, reference):
        written["identifier"] = [*written.get("identifier", ()), identifier_of(reference)]
    head: Node = {"resourceType": written.pop("resourceType")}
    return {**head, **({"meta": meta} if meta else {}), **written}


class _Rewriting:
    """One walk over one resource."""

    def __init__(self, links: Mapping[str, Node], base: str, inline: Mapping[str, Node]) -> None:
        self._links = links
        self._base = base.rstrip("/") + "/"
        self._inline = inline

    def node(self, node: Node) -> Node | None:
        """An object; None where nothing of it may leave."""
        if isinstance(node.get("reference"), str):
            return self._reference(node)
        if (there := self._address(node)) is not None:
            return there
        written: Node = {}
        for name, value in node.items():
            kept = self._value(name, value)
            if kept is not None:
                written[name] = kept
        return written or None

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, list):
            # In an array of primitives a null stands for what has only extensions.
            pairs = ((each, self._value(name, each)) for each in value)
            return [kept for each, kept in pairs if each is None or kept is not None] or None
        if not isinstance(value, dict):
            return value
        if name in _ATTACHMENTS and isinstance(value.get("url"), str):
            return self._attachment(value)
        return self.node(value)

    def _reference(self, node: Node) -> Node:
        literal = node["reference"]
        if literal.startswith("#"):
            return node
        rest = {name: value for name, value in node.items() if name != "reference"}
        if literal.startswith(self._base) and key_of(literal.removeprefix(self._base)):
            return {"reference": key_of(literal.removeprefix(self._base)), **rest}
        key = key_of(literal)
        if key is None:
            # Elsewhere: what names it stays, as a name.
            rest.setdefault("identifier", {"system": URI_SYSTEM, "value": literal})
            return rest
        there = self._links.get(key) or logical(key)
        if "reference" in there:
            return {**there, **rest}
        return {**rest, **there, **({"identifier": rest["identifier"]} if "identifier" in rest else {})}

    def _address(self, node: Node) -> Node | None:
        """A logical reference to a resource of the other server by its address, as a literal one."""
        named = _node(node.get("identifier"))
        value = named.get("value")
        if named.get("system") != URI_SYSTEM or not isinstance(value, str):
            return None
        key = key_of(value.removeprefix(self._base)) if value.startswith(self._base) else None
        if key is None or node.keys() - {"identifier", "type", "display", "id", "extension"}:
            return None
        return {"reference": key, **{name: each for name, each in node.items() if name != "identifier"}}

    def _attachment(self, node: Node) -> Node | None:
        key = key_of(node["url"])
        rest = {name: value for name, value in node.items() if name != "url"}
        if "data" in rest:
            return rest
        binary = self._inline.get(key or "")
        return {**rest, "data": binary["data"]} if binary and "data" in binary else None


def _node(value: Any) -> Node:
    return value if isinstance(value, dict) else {}


def _nodes(value: Any) -> Iterator[Node]:
    yield from (each for each in (value if isinstance(value, list) else ()) if isinstance(each, dict))
