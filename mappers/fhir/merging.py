"""What several messages say of one thing, put together element by element, whatever the order they come in.

For resources that have no state of a result: Patient, Encounter, ServiceRequest, Specimen, and a document
with a TXA. In HL7 v2 an empty field changes nothing (chapter 2.5.3), so that a message that says less takes
nothing away. Each element is that of the message with the best right to it:

| element | right |
|---|---|
| any | the higher rank (an order before a result that mentions it), then the later message (MSH-7) |
| taken away (HL7 null `""`) | as any: gone until a message with a better right says it again |
| status, class, subject, content that says only "unknown" | least: whatever else was said stands |
| ServiceRequest.status | the later of those that say something: a laboratory completes what a ward ordered |
| numbers, references, notes of orders and specimens | all of them, each once |
| two with equal right | the one whose bytes sort last: any choice, and the same on every day |

The rights are kept beside the resource (`Rights`). Putting together is commutative, associative and
idempotent: shuffled messages end the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from mappers.domain.standing import Standing
from mappers.fhir import codec

Node = dict[str, Any]
#: Element -> the standing of the message that it is from.
Rights = dict[str, Standing]

_CONSTANT: Final = frozenset({"resourceType", "id"})
_CHOICES: Final = ("deceased", "multipleBirth", "occurrence", "asNeeded", "quantity")
_EXTENSION: Final = "extension"
#: Elements of which nothing is taken away.
_GROWING: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "ServiceRequest": frozenset(
            {"identifier", "basedOn", "replaces", "supportingInfo", "specimen", "note", "reasonCode"}
        ),
        "Specimen": frozenset({"identifier", "request", "note"}),
        "Patient": frozenset({"link"}),
        "DocumentReference": frozenset({"relatesTo"}),
    }
)
#: What a status says when nothing is known, and a class.
_UNKNOWN: Final = frozenset({"unknown", "UNK"})
#: What is left of an element that was taken away: its right.
_GONE: Final[Node] = {}
_SAYING: Final = 3  # the rank of whoever says something of a status


def merge(
    stored: Node, rights: Rights, said: Node, standing: Standing, deletes: Sequence[str] = ()
) -> tuple[Node, Rights]:
    """Add what a message says to what is known.

    Args:
        stored: the resource as known; empty when nothing is.
        rights: of its elements.
        said: the resource as the message has it.
        standing: of the message.
        deletes: elements that the message takes away (HL7 null): an empty element, by the same rights.
    """
    growing = _GROWING.get(said["resourceType"], frozenset())
    mine, theirs = dict.fromkeys(deletes, _GONE) | _grouped(said), _grouped(stored)
    merged, held = dict(theirs), dict(rights)
    for name, group in mine.items():
        if name in growing:
            merged[name] = {name: _union(theirs.get(name, {}).get(name, []), group.get(name, []))}
            continue
        right = _right(said["resourceType"], name, group, standing)
        before = held.get(name)
        if (name not in theirs and before is None) or _goes_before(
            right, group, before, theirs.get(name, _GONE)
        ):
            merged[name], held[name] = group, right
    return _resource(said, merged), held


def encode(rights: Rights) -> str:
    """The rights as one text for a database column."""
    return json.dumps({name: right.encode() for name, right in sorted(rights.items())}, separators=(",", ":"))


def decode(text: str | None, stored: Node) -> Rights:
    """Read what `encode` wrote; a plain standing, or none, counts for every element."""
    if text and text.startswith("{"):
        return {name: Standing.decode(right) for name, right in json.loads(text).items()}
    one = Standing.decode(text) if text else Standing(0)
    return dict.fromkeys(_grouped(stored), one)


def _grouped(resource: Node) -> dict[str, Node]:
    """Members by what they are of: `birthDate` with `_birthDate`, branches of a choice, extensions by URL."""
    groups: dict[str, Node] = {}
    for name, value in resource.items():
        if name in _CONSTANT:
            continue
        if name == _EXTENSION:
            for each in value:
                group = groups.setdefault(f"{_EXTENSION} {each['url']}", {_EXTENSION: []})
                group[_EXTENSION].append(each)
            continue
        plain = name.removeprefix("_")
        stem = next((choice for choice in _CHOICES if plain.startswith(choice)), plain)
        groups.setdefault(stem, {})[name] = value
    return groups


def _resource(head: Node, groups: dict[str, Node]) -> Node:
    """The resource of groups; extensions in the order of their URLs."""
    merged: Node = {name: head[name] for name in ("resourceType", "id")}
    for _, group in sorted(groups.items()):
        for name, value in group.items():
            if name == _EXTENSION:
                merged.setdefault(name, []).extend(value)
            else:
                merged[name] = value
    return merged


def _union(known: list[Any], added: list[Any]) -> list[Any]:
    """Both lists, each item once, in an order that does not depend on who came first."""
    items = {_canonical(item): item for item in (*known, *added)}
    return [items[key] for key in sorted(items)]


def _right(kind: str, name: str, group: Node, standing: Standing) -> Standing:
    if _says_nothing(name, group):
        return replace(standing, rank=-1)
    if (kind, name) == ("ServiceRequest", "status"):
        return replace(standing, rank=_SAYING)
    return standing


def _says_nothing(name: str, group: Node) -> bool:
    value = group.get(name)
    if name == "status":
        return value in _UNKNOWN
    if name == "class":
        return isinstance(value, dict) and value.get("code") in _UNKNOWN
    if name == "subject":
        return isinstance(value, dict) and "reference" not in value
    if name == "content":
        held = (each.get("attachment", {}) for each in value or ())
        return not any(each.keys() & {"data", "url"} for each in held)
    return False


def _goes_before(right: Standing, group: Node, held: Standing | None, known: Node) -> bool:
    """Whether what is said now stands, instead of what is known."""
    if held is None or held < right:
        return True
    return not right < held and _canonical(_sourceless(known)) < _canonical(_sourceless(group))


def _sourceless(group: Node) -> Node:
    """Without `meta.source`: which message said it is not what it says."""
    meta = group.get("meta")
    if not isinstance(meta, dict):
        return group
    return {**group, "meta": {name: value for name, value in meta.items() if name != "source"}}


def _canonical(value: Any) -> bytes:
    return codec.encode(_ordered(value))


def _ordered(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _ordered(node[name]) for name in sorted(node)}
    return [_ordered(item) for item in node] if isinstance(node, list) else node
