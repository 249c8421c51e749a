"""Local copies: what a FHIR server says, as resources of our own store, with what they refer to.

A kind of resource is registered by a row in `KINDS`: its type, which of its references are followed (they
are read from the same server and copied too), and where it holds attachments (whose bytes are brought in).
Every copy of a kind that is not mere background gets a reading (`extractions.want`); who reads a kind
registers a story for its type in `wiring.extraction.build_stories`. The story gets the message and asks
`LocalCopies.of_message` for the copy. It never reads the bytes of the message: those are what a server said,
the copy is what our store says, with references into our store and, in `meta.source`, the version that it is
a copy of (`FiledSource.version`).

| what is referred to | becomes |
|---|---|
| a Patient, ServiceRequest or Encounter of the channel's server | a local copy; the reference leads to it |
| another DocumentReference of it | a reference to what is, or will be, its local copy |
| anything else there, or at another server | a logical reference with its address; nothing is fetched |
| bytes below the server's base (Binary, or any path) | read with the channel's credential, kept inline |
| bytes elsewhere | their address stays; the reading fetches them, if `document_hosts` allows it |
| what is not there (404, 410) | said in the ledger |

What R4 forbids is left out of a copy and said in the ledger; what cannot be mended so is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import urljoin

from integration.errors import AddressRefused, NotFound, RemoteForbidden, RemoteMissing, RemoteUnreadable
from integration.flows.ports import FhirSource
from integration.store.database import Transaction
from integration.store.records import StoredMessage
from integration.store.result_records import StoredResource
from integration.store.results import Results
from integration.store.search_query import Criterion, ReferenceMatch, Search
from mappers.domain.attribution import Software
from mappers.domain.identifiers import Identity
from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.domain.people import Organization
from mappers.domain.standing import Standing, standing
from mappers.domain.times import Moment
from mappers.fhir import attachment_copy, copy_provenance, device, local_copy, mending, r4, source_identities
from mappers.fhir import datatypes_reader as types
from mappers.fhir.provenance import Making
from mappers.fhir.result_bundle import Entry
from mappers.fhir.source_identities import Place

Node = dict[str, Any]
Key = tuple[str, str]

#: Peer of a message that stands for a resource which was submitted to us: its bytes name our own copy.
SUBMITTED = "submission"
#: How far references are followed: document, order, patient of the order.
_DEEPEST = 3
_WITHDRAWN = frozenset({"entered-in-error", "cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedKind:
    """A resource type that is copied.

    Attributes:
        follows: dotted paths of References that are followed.
        attachments: dotted paths of Attachments whose bytes are brought in.
        by_element: several sources speak of it, HL7 v2 among them: put together element by element.
    """

    type: str
    follows: tuple[str, ...] = ("subject", "encounter", "basedOn")
    attachments: tuple[str, ...] = ()
    by_element: bool = False


KINDS: Mapping[str, CopiedKind] = MappingProxyType(
    {
        kind.type: kind
        for kind in (
            CopiedKind(type="Patient", follows=(), by_element=True),
            CopiedKind(type="ServiceRequest", follows=("subject", "encounter"), by_element=True),
            CopiedKind(type="Encounter", follows=("subject",), by_element=True),
            CopiedKind(
                type="DocumentReference",
                follows=("subject", "context.encounter", "context.related"),
                attachments=("content.attachment",),
            ),
            CopiedKind(type="Media", attachments=("content",)),
            CopiedKind(type="ImagingStudy"),
        )
    }
)
#: What is copied for the sake of another resource.
BACKGROUND = frozenset({"Patient", "ServiceRequest", "Encounter"})


@dataclass(frozen=True, slots=True)
class Copied:
    """What one resource became.

    Attributes:
        reference: of its copy.
        entries: the copy, what it refers to, their Provenance.
        issues: what was left out, or is not there.
    """

    reference: str
    entries: tuple[Entry, ...]
    issues: tuple[Issue, ...] = ()


@dataclass(slots=True)
class _Part:
    """A resource that is to be copied, and the digest of its bytes."""

    resource: Node
    url: str
    sha256: str
    identity: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Copier:
    """Makes the copies of one channel's server.

    Attributes:
        place: the channel, and the base of its server.
        source: that server.
        responsible: on whose behalf Wardwire acts.
        kinds: what is copied.
    """

    place: Place
    source: FhirSource
    software: Software
    responsible: Organization | None = None
    kinds: Mapping[str, CopiedKind] = field(default_factory=lambda: KINDS)

    def copy(self, resource: Node, raw: bytes, *, recorded: Moment) -> Copied:
        """The copy of a resource with all that belongs to it; the server is asked for what it refers to.

        Args:
            resource: as decoded from `raw`.
            raw: the bytes as the server gave them.
            recorded: now, an instant.

        Raises:
            Refused: no valid copy can be made.
            RemoteError: the server does not answer, or forbids what it refers to.
        """
        return _Copying(self, Making(self.software, recorded, self.responsible)).all_of(resource, raw)


class _Copying:
    """One resource being copied."""

    def __init__(self, copier: Copier, making: Making) -> None:
        self._copier = copier
        self._base = copier.place.base
        self._making = making
        self._parts: dict[Key, _Part] = {}
        self._local: dict[Key, str] = {}
        self._issues: list[Issue] = []

    def all_of(self, resource: Node, raw: bytes) -> Copied:
        key = self._add(resource, raw)
        self._follow(resource, depth=0)
        self._parts[key].resource = self._with_bytes(resource)
        entries: list[Entry] = [Entry(device.write(self._making.software), None, once=True)]
        for part in sorted(self._parts.values(), key=lambda each: each.identity.kind not in BACKGROUND):
            entries += self._entries(part)
        return Copied(self._parts[key].identity.reference, tuple(entries), tuple(self._issues))

    def _add(self, resource: Node, raw: bytes) -> Key:
        key = (str(resource["resourceType"]), str(resource["id"]))
        identity = source_identities.of(resource, name=key[1], place=self._copier.place)
        url = versioned(self._base, resource)
        self._parts[key] = _Part(resource, url, hashlib.sha256(raw).hexdigest(), identity)
        self._local[key] = identity.reference
        return key

    def _follow(self, resource: Node, *, depth: int) -> None:
        kind = self._copier.kinds[str(resource["resourceType"])]
        for path in kind.follows:
            for reference in local_copy.references_at(resource, path):
                named = local_copy.target(reference.get("reference"), self._base)
                if named and named[0] in BACKGROUND and named not in self._parts and depth < _DEEPEST:
                    self._fetch(named, f"{kind.type}.{path}", depth=depth)
        for reference in local_copy.references_at(resource, "relatesTo.target"):
            named = local_copy.target(reference.get("reference"), self._base)
            if named and named[0] == "DocumentReference":
                address = source_identities.address(*named, place=self._copier.place)
                self._local.setdefault(named, address.reference)

    def _fetch(self, named: Key, path: str, *, depth: int) -> None:
        try:
            found = self._copier.source.read(*named)
        except RemoteMissing:
            self._tell(IssueCode.NOT_FOUND, path, "what it refers to is not on the server, or no longer")
            return
        except RemoteForbidden:
            if named[0] == "Patient":
                raise  # whose it is has to be known
            self._tell(IssueCode.SECURITY, path, "the server does not let us read what it refers to")
            return
        self._add(dict(found.resource), found.raw)
        self._follow(dict(found.resource), depth=depth + 1)

    def _with_bytes(self, resource: Node) -> Node:
        """The resource with the bytes of its attachments, as far as they lie at its own server."""
        kind, whole = self._copier.kinds[str(resource["resourceType"])], resource
        for path in kind.attachments:
            resource = attachment_copy.at(
                resource, path, kind.type, lambda node, where: self._attachment(node, where, whole)
            )
        return resource

    def _attachment(self, node: Node, where: str, whole: Node) -> Node:
        url = types.text(node.get("url"))
        if url is None or types.text(node.get("data")):
            return attachment_copy.with_size_and_hash(node, self._tell_of(where))
        if url.startswith("#"):
            inside = types.nodes(whole.get("contained"))
            binary = next((each for each in inside if f"#{each.get('id')}" == url), {})
            rest = {name: value for name, value in node.items() if name != "url"}
            filled = attachment_copy.pruned(
                {**rest, "contentType": rest.get("contentType") or binary.get("contentType")}
            )
            return attachment_copy.with_size_and_hash(
                {**filled, "data": binary.get("data")}, self._tell_of(where)
            )
        absolute = urljoin(f"{self._base}/", url)
        try:
            content, media_type = self._copier.source.content(absolute)
        except AddressRefused:
            return {**node, "url": absolute}  # elsewhere: whoever reads it fetches it, if it may
        except RemoteMissing:
            self._tell(IssueCode.NOT_FOUND, where, "the attachment is not on the server, or no longer")
            return {**node, "url": absolute}
        except RemoteUnreadable:
            self._tell(IssueCode.TOO_LONG, where, "the attachment cannot be read, or is too long")
            return {**node, "url": absolute}
        return attachment_copy.inlined(node, content, media_type, self._tell_of(where))

    def _entries(self, part: _Part) -> Iterator[Entry]:
        kind = self._copier.kinds[part.identity.kind]
        copy = local_copy.write(
            part.resource, identity=part.identity, source=part.url, resolve=self._called, base=self._base
        )
        mended = mending.mended(copy)
        self._issues += mended.issues
        aliases: tuple[str, ...] = ()
        if part.identity.kind == "Patient":
            channel = self._copier.place.channel
            others = source_identities.patient_aliases(part.resource, part.identity, channel=channel)
            aliases = tuple(each.id for each in others)
        rank = rank_of(part.resource, self._making.recorded)
        yield Entry(mended.value, rank, by_element=kind.by_element, aliases=aliases)
        provenance = copy_provenance.write(
            [part.identity.reference], source=part.url, sha256=part.sha256, making=self._making
        )
        yield Entry(provenance, None, once=True)

    def _called(self, literal: str) -> str | None:
        named = local_copy.target(literal, self._base)
        return self._local.get(named) if named else None

    def _tell_of(self, where: str) -> Callable[[IssueCode, str], None]:
        return lambda code, text: self._tell(code, where, text)

    def _tell(self, code: IssueCode, where: str, text: str) -> None:
        self._issues.append(Issue(Severity.WARNING, code, where, text))


def versioned(base: str, resource: Mapping[str, Any]) -> str:
    """The absolute URL of a version of a resource."""
    url = f"{base}/{resource['resourceType']}/{resource['id']}"
    version = types.text(types.node(resource.get("meta")).get("versionId"))
    return f"{url}/_history/{version}" if version else url


def rank_of(resource: Mapping[str, Any], recorded: Moment) -> Standing:
    """How a version of a source ranks: by its last update; what is withdrawn after what is not."""
    said = types.moment(types.node(resource.get("meta")).get("lastUpdated"))
    status = "entered-in-error" if resource.get("status") in _WITHDRAWN else "final"
    return standing(status, said or recorded)


@dataclass(frozen=True, slots=True)
class LocalCopies:
    """Finds copies in the store.

    Attributes:
        bases: of the channels' servers.
    """

    results: Results
    bases: Mapping[str, str]

    def of_message(self, connection: Transaction, message: StoredMessage) -> StoredResource:
        """The current copy of the resource that a message (`FHIR resource`) carries.

        Raises:
            NotFound: there is none, or it is deleted.
        """
        assert message.raw is not None
        resource = r4.decode(message.raw)
        key = (str(resource["resourceType"]), str(resource["id"]))
        if message.peer != SUBMITTED:
            url = f"{self.bases.get(message.channel, '')}/{key[0]}/{key[1]}"
            found = self.of_source(connection, key[0], url)
            if found is None:
                raise NotFound("there is no local copy of that resource")
            key = (key[0], found)
        stored = self.results.read(connection, *key)
        if stored.deleted:
            raise NotFound("the local copy of that resource is gone")
        return stored

    def of_source(self, connection: Transaction, kind: str, url: str) -> str | None:
        """The id of the copy of what a server has under a URL (without version); None: there is none."""
        asked = Criterion("entity", (ReferenceMatch((url,)),))
        page = self.results.search(
            connection, Search(kind="Provenance", criteria=(asked,), count=20, total=False)
        )
        for provenance in page.matches:
            for each in r4.decode(provenance.content)["target"]:
                named = local_copy.target(each["reference"], "")
                if named and named[0] == kind:
                    return named[1]
        return None
