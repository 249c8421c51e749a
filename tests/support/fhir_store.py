"""A small FHIR server in memory behind the client: what R4 says of writing, and faults where a test wants them.

Not a model of any product: it keeps to the letter of R4 http (§3.1.0) for what write-back asks of a server.
Real servers are asked in `tests/system`.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2

from integration.clients.authorization import Anonymous, Authorization
from integration.clients.endpoint import Endpoint, Patience
from integration.clients.exchange import Limits
from integration.clients.fhir import FhirServer
from mappers.fhir import r4

BASE = "https://ehr.example/fhir"
Node = dict[str, Any]
#: Called with each request before it is done; may answer in its place.
Before = Callable[[httpx2.Request], httpx2.Response | None]


@dataclass
class Store:
    """The server.

    Attributes:
        resources: by `Type/id`, the current version.
        history: every version, oldest first.
        before: may answer in place of the server.
        lost: numbers of requests, from 1, whose answers are lost: what was asked is done all the same.
        transactions: offered.
        held: types whose creates are answered with 202 and filed when `file_held` is called.
    """

    resources: dict[str, Node] = field(default_factory=dict)
    history: list[Node] = field(default_factory=list)
    before: Before = lambda _: None
    lost: set[int] = field(default_factory=set)
    transactions: bool = True
    held: set[str] = field(default_factory=set)
    waiting: list[Node] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def put(self, kind: str, key: str, **content: Any) -> str:
        """Something that is there; its reference."""
        self._store({"resourceType": kind, "id": key, **content})
        return f"{kind}/{key}"

    def of(self, kind: str) -> list[Node]:
        """All current resources of a type, in the order of their creation."""
        return [each for key, each in self.resources.items() if key.startswith(f"{kind}/")]

    def file_held(self) -> None:
        """The review at the server is over: what was held is filed."""
        for each in self.waiting:
            self._create(each)
        self.waiting.clear()

    def server(
        self, *, patience: Patience | None = None, authorization: Authorization | None = None
    ) -> FhirServer:
        """A client of it."""
        return FhirServer(
            Endpoint(
                name="destinations.ehr.fhir",
                base=BASE,
                client=httpx2.Client(transport=httpx2.MockTransport(self), trust_env=False),
                authorization=authorization or Anonymous(),
                limits=Limits(),
                patience=patience or Patience(attempts=1),
                clock=lambda: 0.0,
            )
        )

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request."""
        parts = urlsplit(str(request.url))
        path = parts.path.removeprefix("/fhir").strip("/")
        self.asked.append(f"{request.method} {path}")
        told = self.before(request)
        if told is None:
            told = self._answer(request, path, parse_qsl(parts.query, keep_blank_values=True))
        if len(self.asked) in self.lost:
            raise httpx2.ReadError("reset", request=request)
        return told

    def _answer(self, request: httpx2.Request, path: str, query: list[tuple[str, str]]) -> httpx2.Response:
        content = request.read()
        body = r4.decode(content) if content else {}
        try:
            if request.method == "POST" and not path:
                return self._transaction(body)
            if path == "metadata":
                return answer(200, self._statement())
            status, told = self.do(request.method, path, query, body, request.headers)
        except _Refusal as refusal:
            return _refused(refusal.status)
        headers = {}
        meta = told.get("meta", {})
        if "versionId" in meta and request.method != "DELETE":
            headers = {"ETag": f'W/"{meta["versionId"]}"'}
            if status == 201:
                place = f"{told['resourceType']}/{told['id']}/_history/{meta['versionId']}"
                headers["Location"] = f"{BASE}/{place}"
        return answer(status, told if request.method == "GET" else None, headers)

    def do(
        self, method: str, path: str, query: list[tuple[str, str]], body: Node, headers: Any
    ) -> tuple[int, Node]:
        """One interaction: its status, and what is there now."""
        kind, _, key = path.partition("/")
        if method == "GET":
            return 200, self._read(path) if key else self._search(kind, query)
        if method == "POST":
            return self._conditional_create(body, headers.get("If-None-Exist"))
        if method == "DELETE":
            self.resources.pop(path, None)
            return 204, {}
        if path not in self.resources:
            raise _Refusal(404)
        wanted = re.sub(r'W/|"', "", headers.get("If-Match", "") or "")
        if wanted and wanted != self.resources[path]["meta"]["versionId"]:
            raise _Refusal(412)
        if body.get("id") != key:
            raise _Refusal(400)
        return 200, self._store(body)

    def _read(self, path: str) -> Node:
        if path not in self.resources:
            raise _Refusal(404)
        return self.resources[path]

    def _search(self, kind: str, query: list[tuple[str, str]]) -> Node:
        found = [each for each in self.of(kind) if all(_matches(each, *pair) for pair in query)]
        entries = [{"resource": each, "search": {"mode": "match"}} for each in found]
        return {"resourceType": "Bundle", "type": "searchset", "total": len(found), "entry": entries}

    def _conditional_create(self, body: Node, unless: str | None) -> tuple[int, Node]:
        if unless:
            found = self._search(body["resourceType"], parse_qsl(unless))["entry"]
            if len(found) > 1:
                raise _Refusal(412)
            if found:
                return 200, found[0]["resource"]
        if body["resourceType"] in self.held:
            self.waiting.append(body)
            return 202, {}
        return 201, self._create(body)

    def _create(self, body: Node) -> Node:
        return self._store({**body, "id": f"{len(self.history) + 1}"})

    def _store(self, resource: Node) -> Node:
        for reference in _literals(resource):
            if re.fullmatch(r"[A-Z][A-Za-z]+/[A-Za-z0-9.-]+", reference) and reference not in self.resources:
                raise _Refusal(422)  # a reference to nothing: servers with integrity on refuse it
            if reference.startswith("urn:"):
                raise _Refusal(422)
        meta = {**resource.get("meta", {}), "versionId": str(len(self.history) + 1)}
        stored = {**copy.deepcopy(resource), "meta": meta}
        self.history.append(stored)
        self.resources[f"{stored['resourceType']}/{stored['id']}"] = stored
        return stored

    def _transaction(self, bundle: Node) -> httpx2.Response:
        if not self.transactions:
            return _refused(404)
        before = dict(self.resources), list(self.history), list(self.waiting)
        try:
            told = self._entries(bundle["entry"])
        except _Refusal as refusal:
            self.resources, self.history, self.waiting = before
            return _refused(refusal.status)
        return answer(200, {"resourceType": "Bundle", "type": "transaction-response", "entry": told})

    def _entries(self, entries: list[Node]) -> list[Node]:
        names: dict[str, str] = {}
        for number, entry in enumerate(entries):
            request = entry["request"]
            if request["method"] == "POST":
                unless = request.get("ifNoneExist")
                found = self._search(request["url"], parse_qsl(unless))["entry"] if unless else []
                if found:
                    names[entry["fullUrl"]] = f"{request['url']}/{found[0]['resource']['id']}"
                else:
                    names[entry["fullUrl"]] = f"{request['url']}/t{len(self.history)}-{number}"
        told = []
        # References may lead forward within the transaction: what is to come is there already.
        for name in names.values():
            self.resources.setdefault(name, {"resourceType": name.partition("/")[0], "coming": True})
        for entry in entries:
            request = entry["request"]
            body = _renamed(entry["resource"], names)
            if request["method"] == "POST":
                place = names[entry["fullUrl"]]
                there = self.resources.get(place, {})
                if not there.get("coming"):
                    told.append({"response": {"status": "200 OK", "location": place}})
                    continue
                stored = self._store({**body, "id": place.partition("/")[2]})
                status = "201 Created"
            else:
                headers = {"If-Match": request.get("ifMatch", "")}
                _, stored = self.do("PUT", request["url"], [], body, headers)
                status = "200 OK"
            place = f"{stored['resourceType']}/{stored['id']}/_history/{stored['meta']['versionId']}"
            told.append({"response": {"status": status, "location": place}})
        return told

    def _statement(self) -> Node:
        interaction = [{"code": "transaction"}] if self.transactions else []
        rest = [{"mode": "server", "interaction": interaction}]
        return {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": rest}


class _Refusal(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _matches(resource: Node, name: str, value: str) -> bool:
    if name == "identifier":
        system, _, number = value.partition("|")
        listed = [*resource.get("identifier", []), resource.get("masterIdentifier", {})]
        return any(each.get("system") == system and each.get("value") == number for each in listed)
    if name == "target":
        return any(each.get("reference") == value for each in resource.get("target", []))
    raise AssertionError(f"searched by {name}")


def _literals(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "reference" and isinstance(value, str):
                yield value
            else:
                yield from _literals(value)
    elif isinstance(node, list):
        for each in node:
            yield from _literals(each)


def _renamed(node: Any, names: dict[str, str]) -> Any:
    if isinstance(node, dict):
        return {name: _renamed(value, names) for name, value in node.items()}
    if isinstance(node, list):
        return [_renamed(each, names) for each in node]
    # Wherever it stands, as some servers do.
    return names.get(node, node) if isinstance(node, str) else node


def answer(status: int, body: Any, headers: dict[str, str] | None = None) -> httpx2.Response:
    """An answer with a resource, in a stream as from a socket."""
    content = b"" if body is None else r4.encode(body)
    told = {"Content-Type": "application/fhir+json", **(headers or {})}
    return httpx2.Response(status, headers=told, content=iter([content]))


def _refused(status: int) -> httpx2.Response:
    issue = [{"severity": "error", "code": "processing", "diagnostics": "PATIENT ROSSI"}]
    return answer(status, {"resourceType": "OperationOutcome", "issue": issue})


def plain(node: Any) -> Any:
    """Plain JSON data, for comparisons."""
    return json.loads(
        json.dumps(node, default=lambda value: str(value) if isinstance(value, Decimal) else value)
    )
