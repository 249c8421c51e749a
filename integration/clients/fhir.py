"""A FHIR R4 server: read, vread, search, create, update, transaction (R4 http §3.1.0).

Bytes go in and out as they are, numbers keep their digits. Owns what each interaction asks; what its answer
says is read in `fhir_answers`, and how a request travels is the endpoint's business. Never says what a
resource is good for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import parse_qsl

from integration.clients.endpoint import Call, Endpoint, Repeat
from integration.clients.exchange import Answer
from integration.clients.fhir_answers import (
    ID,
    Found,
    Node,
    Written,
    binary_in,
    etag,
    found,
    next_link,
    resources_of,
    says_the_same,
    written,
    written_entry,
)
from integration.errors import (
    RemoteAmbiguous,
    RemoteConflict,
    RemoteMissing,
    RemoteRefused,
    RemoteUnreadable,
)
from mappers.domain.issues import Refused
from mappers.fhir import r4

FHIR_JSON = "application/fhir+json"
ACCEPT = f"{FHIR_JSON}; fhirVersion=4.0"
#: Pages of one search; a server that links in a circle ends here.
MOST_PAGES = 10_000
#: Attempts at a create whose answers are lost one after the other.
_MOST_CREATES = 3
_KIND = re.compile(r"[A-Z][A-Za-z]{1,63}")
_CREATED = 201
_HELD = 202
_NOT_A_SUCCESS = 300
_READING = {"Accept": ACCEPT}
#: What was written is known here; its echo would only be more patient data on the wire.
_WRITING = {"Accept": ACCEPT, "Content-Type": FHIR_JSON, "Prefer": "return=minimal"}


class FhirServer:
    """One server, for any number of threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    @property
    def base(self) -> str:
        """Its base URL, without a slash at the end."""
        return self._endpoint.base

    def capabilities(self) -> Node:
        """The CapabilityStatement."""
        return self._get("GET metadata", "metadata", kind="CapabilityStatement")[0]

    def read(self, kind: str, resource_id: str) -> Found:
        """The current version.

        Raises:
            RemoteMissing: it is not there (404) or was deleted (410).
            RemoteError: see `endpoint`.
        """
        return self._read(kind, resource_id, f"{_name(kind)}/{_id(resource_id)}")

    def vread(self, kind: str, resource_id: str, version: str) -> Found:
        """One version, as `read`."""
        return self._read(kind, resource_id, f"{_name(kind)}/{_id(resource_id)}/_history/{_id(version)}")

    def _read(self, kind: str, resource_id: str, path: str) -> Found:
        resource, answer = self._get(f"GET {kind}", path, kind=kind)
        if resource.get("id") != resource_id:
            raise RemoteUnreadable(f"{self._endpoint.name}: GET {kind}: another resource than was asked for")
        return found(resource, answer.content, header=answer.headers.get("etag", ""))

    def content(self, address: str) -> tuple[bytes, str]:
        """Bytes below the base with their media type: a Binary as its JSON says it, or what the server sends.

        Args:
            address: absolute.

        Raises:
            AddressRefused: it is not below the base; nothing was asked.
            RemoteMissing: it is not there (404) or was deleted (410).
            RemoteError: see `endpoint`.
        """
        headers = {"Accept": f"{ACCEPT}, */*;q=0.8"}
        answer = self._endpoint.call(Call(what="GET content", absolute=address, headers=headers))
        if not answer.media_type.endswith("json"):
            return answer.content, answer.media_type
        try:
            return binary_in(answer.content) or (answer.content, answer.media_type)
        except ValueError:
            raise RemoteUnreadable(f"{self._endpoint.name}: GET content: no base64 in a Binary") from None

    def search(self, kind: str, params: Sequence[tuple[str, str]] = ()) -> Iterator[Found]:
        """All matches, and what they include, over all pages.

        Raises:
            AddressRefused: a next link leads to another host or out of the base.
            RemoteError: see `endpoint`.
        """
        for page in self.pages(kind, params):
            for resource in resources_of(page):
                if resource.get("resourceType") != "OperationOutcome" and isinstance(resource.get("id"), str):
                    yield found(resource, r4.encode(resource))

    def pages(self, kind: str, params: Sequence[tuple[str, str]] = ()) -> Iterator[Node]:
        """The Bundles of a search, as `search`."""
        what = f"GET {_name(kind)}?"
        bundle, _ = self._ask(Call(what=what, path=kind, params=params, headers=_READING), "Bundle")
        for _ in range(MOST_PAGES):
            yield bundle
            link = next_link(bundle)
            if link is None:
                return
            call = Call(what=what, absolute=self._absolute(link), headers=_READING)
            bundle, _ = self._ask(call, "Bundle")
        raise RemoteUnreadable(f"{self._endpoint.name}: {what}: more than {MOST_PAGES} pages")

    def _absolute(self, link: str) -> str:
        """A link that may be relative to the base; with `//host` it is not."""
        return link if "//" in link.partition("?")[0] else f"{self.base}/{link.lstrip('/')}"

    def operation(self, path: str, params: Sequence[tuple[str, str]] = ()) -> Node:
        """GET an operation that changes nothing, e.g. `Subscription/1/$events`.

        Raises:
            RemoteError: see `endpoint`.
        """
        what = f"GET {path.rpartition('/')[2]}"
        return self._ask(Call(what=what, path=path, params=params, headers=_READING), None)[0]

    def create(self, kind: str, content: bytes, *, unless: str | None = None) -> Written:
        """Create a resource.

        Args:
            kind: its type.
            content: its JSON.
            unless: If-None-Exist: a search, `identifier=system|value`, that finds it if it is there already.
                When an answer is lost the server is asked with it, before anything is sent again.

        Raises:
            RemoteAmbiguous: without `unless`: the answer was lost.
            RemoteConflict: several match `unless`.
            RemoteError: see `endpoint`.
        """
        headers = {**_WRITING, **({"If-None-Exist": unless} if unless is not None else {})}
        repeat = Repeat.UNSENT if unless is None else Repeat.UNDONE
        call = Call(
            what=f"POST {_name(kind)}",
            method="POST",
            path=kind,
            headers=headers,
            content=content,
            repeat=repeat,
        )
        for attempt in range(1, _MOST_CREATES + 1):
            try:
                return self._written(kind, self._endpoint.call(call), query=unless or "")
            except RemoteAmbiguous:
                if unless is None:
                    raise
                there = self._only(kind, unless)
                if there is not None:
                    return Written(kind=kind, id=there.id, version=there.version, created=False)
                if attempt == _MOST_CREATES:
                    raise
        raise AssertionError("the last attempt returns or raises")  # pragma: no cover

    def _only(self, kind: str, query: str) -> Found | None:
        params = parse_qsl(query, keep_blank_values=True)
        matches = [found for found in self.search(kind, params) if found.kind == kind]
        if len({found.id for found in matches}) > 1:
            raise RemoteConflict(f"{self._endpoint.name}: {kind}: several are there, one was looked for")
        return matches[0] if matches else None

    def update(self, kind: str, resource_id: str, content: bytes, *, version: str | None = None) -> Written:
        """PUT a resource under its id.

        Args:
            kind: its type.
            resource_id: its id; also in `content`.
            content: its JSON.
            version: If-Match: the version that this one replaces.

        Raises:
            RemoteConflict: the server has another version than `version`, and it does not say the same.
            RemoteError: see `endpoint`.
        """
        headers = {**_WRITING, **({"If-Match": f'W/"{_id(version)}"'} if version is not None else {})}
        path = f"{_name(kind)}/{_id(resource_id)}"
        call = Call(what=f"PUT {kind}", method="PUT", path=path, headers=headers, content=content)
        try:
            answer = self._endpoint.call(call)
        except RemoteConflict:
            # An answer may have been lost on the way, and the version that is in the way be our own.
            there = self._there(kind, resource_id)
            if version is None or there is None or not says_the_same(there.resource, r4.decode(content)):
                raise
            return Written(kind=kind, id=there.id, version=there.version, created=False)
        told = written(kind, answer)
        return Written(
            kind=kind,
            id=resource_id,
            version=told.version if told else etag(answer.headers.get("etag", "")),
            created=answer.status == _CREATED,
        )

    def _there(self, kind: str, resource_id: str) -> Found | None:
        try:
            return self.read(kind, resource_id)
        except RemoteMissing:
            return None

    def update_where(self, kind: str, query: str, content: bytes) -> Written:
        """PUT a resource where a search finds it (conditional update); without a match it is created.

        Raises:
            RemoteConflict: several match.
            RemoteError: see `endpoint`.
        """
        params = parse_qsl(query, keep_blank_values=True)
        call = Call(
            what=f"PUT {_name(kind)}?",
            method="PUT",
            path=kind,
            params=params,
            headers=_WRITING,
            content=content,
        )
        return self._written(kind, self._endpoint.call(call), query=query)

    def delete(self, kind: str, resource_id: str) -> None:
        """DELETE a resource; one that is gone already is none the less gone."""
        path = f"{_name(kind)}/{_id(resource_id)}"
        try:
            self._endpoint.call(Call(what=f"DELETE {kind}", method="DELETE", path=path, headers=_READING))
        except RemoteMissing:
            return

    def transaction(self, content: bytes, *, repeatable: bool) -> tuple[Written | None, ...]:
        """POST a transaction Bundle; what became of each entry, in order, None where that is not said.

        Args:
            content: the Bundle.
            repeatable: every entry of it is a PUT or has ifNoneExist: sent twice it is done once.

        Raises:
            RemoteAmbiguous: the answer was lost and it is not repeatable.
            RemoteRefused: an entry failed, although the whole was answered with success.
            RemoteError: see `endpoint`.
        """
        call = Call(
            what="POST transaction",
            method="POST",
            headers=_WRITING,
            content=content,
            repeat=Repeat.SAFE if repeatable else Repeat.UNSENT,
        )
        bundle, _ = self._ask(call, "Bundle")
        entries = bundle.get("entry", [])
        responses = [entry.get("response", {}) if isinstance(entry, dict) else {} for entry in entries]
        for response in responses:
            status = str(response.get("status", ""))[:3]
            if not status.isdecimal() or int(status) >= _NOT_A_SUCCESS:
                text = f"{self._endpoint.name}: POST transaction: an entry has no success"
                raise RemoteRefused(text, outcome=r4.encode(bundle))
        return tuple(map(written_entry, responses))

    def _get(self, what: str, path: str, *, kind: str) -> tuple[Node, Answer]:
        return self._ask(Call(what=what, path=path, headers=_READING), kind)

    def _ask(self, call: Call, kind: str | None) -> tuple[Node, Answer]:
        answer = self._endpoint.call(call)
        where = f"{self._endpoint.name}: {call.what}"
        try:
            resource = r4.decode(answer.content, max_bytes=len(answer.content))
        except Refused as refusal:
            raise RemoteUnreadable(f"{where}: {refusal.issue.text}", status=answer.status) from None
        if kind is not None and resource.get("resourceType") != kind:
            raise RemoteUnreadable(f"{where}: the answer is no {kind}", status=answer.status)
        return resource, answer

    def _written(self, kind: str, answer: Answer, *, query: str = "") -> Written:
        """What was written; where the answer does not say, the server is asked with the query."""
        told = written(kind, answer)
        if told is not None:
            return told
        there = self._only(kind, query) if query else None
        if there is None and answer.status == _HELD:
            return Written(kind=kind, id="", version="", created=False, held=True)
        if there is None:
            raise RemoteUnreadable(f"{self._endpoint.name}: the answer to a write names no {kind}")
        return Written(kind=kind, id=there.id, version=there.version, created=answer.status == _CREATED)


def _name(kind: str) -> str:
    if not _KIND.fullmatch(kind):
        raise ValueError("not the name of a resource type")
    return kind


def _id(text: str) -> str:
    if not ID.fullmatch(text):
        raise ValueError("not a FHIR id")
    return text
