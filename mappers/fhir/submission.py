"""What is submitted directly, FHIR JSON -> resources of our own: one resource or a Bundle, each entry named.

Pure: what is in our store already, and which addresses may be fetched later, is asked of functions that are
handed in. A submission has no server whose ids would name its resources: a business identifier names one,
else what it says, so that the same again is the same.

| an entry | then |
|---|---|
| is of a type that is taken | named; references into the Bundle and into our store lead to our resources |
| names its subject by a number that names a Patient of our store | its subject leads to that Patient |
| refers to something else | that reference becomes a logical one with its address, with a warning |
| holds an attachment whose address is a Binary of the Bundle or of our store | its bytes are put in |
| holds one at a host that the channel lists (`document_hosts`) | the address stays: the reading fetches it |
| holds one at any other address | refused |
| is of another type, not valid R4, or asks for anything but to be created | refused |
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from mappers.domain.identifiers import FHIR, Identity
from mappers.domain.issues import Issue, IssueCode, Refused, Severity
from mappers.fhir import attachment_copy, erasure, local_copy, r4, source_identities
from mappers.fhir import datatypes_reader as types
from mappers.fhir.codec import encode
from mappers.fhir.source_identities import Place
from mappers.fhir.submission_parts import TYPES, Entry, Submission, listed

Node = dict[str, Any]

#: Where attachments stand.
ATTACHMENTS: Final = {"DocumentReference": ("content.attachment",), "Media": ("content",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a submission is read against.

    Attributes:
        place: the channel of submissions.
        base: of our own FHIR face.
        source: what names the submission in `meta.source`.
        find: a resource of our store by type and id; None where there is none.
        may_fetch: whether an address may be fetched for this channel.
    """

    place: Place
    base: str
    source: str
    find: Callable[[str, str], Node | None]
    may_fetch: Callable[[str], bool]


def read(submission: Submission, world: World, *, known: dict[int, str]) -> Submission:
    """The submission with every entry named, pointed into our store, and judged.

    Args:
        submission: as `parse` gave it.
        world: what it is read against.
        known: entries that are there already (`ifNoneExist`): number -> reference of what was found.
    """
    return replace(submission, entries=_Reading(submission, world, known).entries())


class _Reading:
    """One submission being read."""

    def __init__(self, submission: Submission, world: World, known: dict[int, str]) -> None:
        self._submission, self._world, self._known = submission, world, known
        self._names: dict[str, str] = {}
        self._binaries: dict[str, Node] = {}
        self._told: list[Issue] = []

    def entries(self) -> tuple[Entry, ...]:
        numbered = list(enumerate(self._submission.entries))
        numbered.sort(key=lambda pair: _place_of(str(pair[1].resource.get("resourceType"))))
        for number, entry in numbered:
            self._foresee(number, entry)
        done: dict[int, Entry] = {}
        for number, entry in numbered:
            done[number] = entry if entry.refused else self._read(number, entry)
        return tuple(done[number] for number in range(len(done)))

    def _foresee(self, number: int, entry: Entry) -> None:
        """Name what a number names before anything is read, so that references may lead forward."""
        kind = str(entry.resource.get("resourceType"))
        if entry.refused or kind not in TYPES or kind == "Binary" or number in self._known:
            return
        name = _number(entry.resource)
        identity = source_identities.of(entry.resource, name=name, place=self._world.place)
        if name or FHIR not in identity.parts:
            self._remember(entry, identity.reference)

    def _read(self, number: int, entry: Entry) -> Entry:
        kind = str(entry.resource.get("resourceType"))
        if kind not in TYPES:
            text = f"this type is not taken here; taken are {listed(TYPES)}"
            return replace(entry, issues=(_error(IssueCode.NOT_SUPPORTED, entry.where, text),))
        if number in self._known:
            self._remember(entry, self._known[number])
            return entry
        self._told = []
        resource = self._with_subject(self._with_bytes(entry, kind))
        identity = self._identity(resource, kind)
        try:
            copy = local_copy.write(
                resource,
                identity=identity,
                source=self._world.source,
                resolve=lambda literal: self._resolved(literal, entry.where),
                base="",
            )
        except Refused as refusal:
            return replace(entry, issues=(replace(refusal.issue, severity=Severity.ERROR),))
        self._remember(replace(entry, resource=resource), identity.reference)
        faults = [
            replace(each, location=_below(entry.where, each.location))
            for each in r4.validate(copy)
            if each.severity is Severity.ERROR
        ]
        return replace(entry, resource=copy, identity=identity, issues=(*self._told, *faults))

    def _remember(self, entry: Entry, reference: str) -> None:
        """The names by which other entries may call this one."""
        kind, own = entry.resource["resourceType"], types.text(entry.resource.get("id"))
        names = [entry.full_url, f"{kind}/{own}" if own else ""]
        for name in filter(None, names):
            self._names[name] = reference
            if kind == "Binary":
                self._binaries[name] = entry.resource

    def _resolved(self, literal: str, where: str) -> str | None:
        if literal in self._names:
            return self._names[literal]
        named = local_copy.target(literal, self._world.base)
        if named and self._world.find(*named) is not None:
            return "/".join(named)
        text = "a reference leads neither into the submission nor into this store: only its address is kept"
        self._told.append(Issue(Severity.WARNING, IssueCode.NOT_FOUND, where, text))
        return None

    def _identity(self, resource: Node, kind: str) -> Identity:
        return source_identities.of(resource, name=self._name(resource, kind), place=self._world.place)

    def _name(self, resource: Node, kind: str) -> str:
        """What names it among submissions: a number with its name space, else a digest of what it says."""
        number = _number(resource)
        if number and kind != "Binary":
            return number
        said = {name: value for name, value in resource.items() if name not in {"id", "meta", "text"}}
        return hashlib.sha256(encode(self._plain(said))).hexdigest()

    def _plain(self, node: Any) -> Any:
        """Members in one order; references by what they lead to, since a urn:uuid is new each time."""
        if isinstance(node, list):
            return [self._plain(item) for item in node]
        if not isinstance(node, dict):
            return node
        plain = {name: self._plain(node[name]) for name in sorted(node)}
        literal = node.get("reference")
        if isinstance(literal, str):
            plain["reference"] = self._names.get(
                literal, "urn:uuid:" if literal.startswith("urn:uuid:") else literal
            )
        return plain

    def _with_subject(self, resource: Node) -> Node:
        """A subject that is named by a number leads to the Patient of our store whom that number names."""
        subject = types.node(resource.get("subject"))
        number = types.identifier(subject.get("identifier"))
        if "reference" in subject or number is None or not number.system:
            return resource
        patient = Identity("Patient", (number.system, number.value))
        there = patient.reference in self._names.values() or self._world.find("Patient", patient.id)
        if not there:
            return resource
        self._names[patient.reference] = patient.reference
        return {**resource, "subject": {"reference": patient.reference, **subject}}

    def _with_bytes(self, entry: Entry, kind: str) -> Node:
        resource = entry.resource
        for path in ATTACHMENTS.get(kind, ()):
            resource = attachment_copy.at(resource, path, entry.where, self._attachment)
        return resource

    def _attachment(self, node: Node, where: str) -> Node:
        def tell(code: IssueCode, text: str) -> None:
            self._told.append(Issue(Severity.WARNING, code, where, text))

        url = types.text(node.get("url"))
        if url is None or types.text(node.get("data")):
            return attachment_copy.with_size_and_hash(node, tell)
        binary = self._binary(url)
        if binary is not None and erasure.is_erased(binary):
            self._told.append(
                _error(IssueCode.NOT_FOUND, where, "the bytes at this address are kept no longer")
            )
            return node
        if binary is not None:
            content, kind = base64.b64decode(binary.get("data") or ""), types.text(binary.get("contentType"))
            return attachment_copy.inlined(node, content, kind or "", tell)
        if not self._world.may_fetch(url):
            text = "nothing here has this address, and the channel's document_hosts do not list its host"
            self._told.append(_error(IssueCode.SECURITY, where, text))
        return node

    def _binary(self, url: str) -> Node | None:
        if url in self._binaries:
            return self._binaries[url]
        named = local_copy.target(url, self._world.base)
        return self._world.find(*named) if named and named[0] == "Binary" else None


def _number(resource: Node) -> str:
    """A business identifier with its name space; "" where there is none."""
    master = types.identifier(resource.get("masterIdentifier"))
    numbers = [*([master] if master else []), *types.identifiers(resource.get("identifier"))]
    number = next((each for each in numbers if each.system), None)
    return f"{number.system}|{number.value}" if number else ""


def _place_of(kind: str) -> int:
    return TYPES.index(kind) if kind in TYPES else len(TYPES)


def _below(where: str, location: str) -> str:
    """A FHIRPath within the resource as one within the submission."""
    rest = location.partition(".")[2]
    if "[" not in where:
        return location
    return f"{where}.resource.{rest}" if rest else f"{where}.resource"


def _error(code: IssueCode, where: str, text: str) -> Issue:
    return Issue(Severity.ERROR, code, where, text)
