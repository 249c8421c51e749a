"""A scripted FHIR server behind the client: answers in turn, remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx2
import stamina

from integration.clients.authorization import Anonymous, Authorization
from integration.clients.endpoint import Endpoint, Patience
from integration.clients.exchange import Limits
from integration.clients.fhir import FhirServer

BASE = "https://ehr.example/fhir"
Reply = Callable[[httpx2.Request], httpx2.Response]


def resource(kind: str = "ImagingStudy", resource_id: str = "s1", **more: Any) -> dict[str, Any]:
    """A synthetic resource."""
    return {"resourceType": kind, "id": resource_id, **more}


def says(content: Any = None, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A reply with JSON or bytes."""
    body = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
    told = {"Content-Type": "application/fhir+json", **(headers or {})}
    # In pieces, as from a socket: the client unpacks and counts for itself.
    return lambda _: httpx2.Response(status, headers=told, content=_pieces(body))


def _pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 4096):
        yield body[start : start + 4096]


def loses_the_answer(request: httpx2.Request) -> httpx2.Response:
    """The request came; the connection ended before its answer."""
    raise httpx2.ReadError("reset", request=request)


def cannot_be_reached(request: httpx2.Request) -> httpx2.Response:
    """Nobody listens."""
    raise httpx2.ConnectError("refused", request=request)


class Peer:
    """The server."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """The next reply; the last one again and again."""
        self.asked.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return reply(request)

    @property
    def methods(self) -> list[str]:
        """Of what was asked."""
        return [request.method for request in self.asked]

    def http(self) -> httpx2.Client:
        """A client whose every request comes here, whatever host it names."""
        return httpx2.Client(transport=httpx2.MockTransport(self), trust_env=False)

    def endpoint(
        self,
        *,
        authorization: Authorization | None = None,
        limits: Limits | None = None,
        patience: Patience | None = None,
        base: str = BASE,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> Endpoint:
        """An endpoint to it."""
        return Endpoint(
            name="channels.ehr.fhir",
            base=base,
            client=self.http(),
            authorization=authorization or Anonymous(),
            limits=limits or Limits(),
            patience=patience or Patience(),
            clock=clock,
        )

    def server(self, **options: Any) -> FhirServer:
        """A client of it."""
        return FhirServer(self.endpoint(**options))


def without_waiting(attempts: int = 4) -> Any:
    """Retries as in life, without their pauses."""
    return stamina.set_testing(testing=True, attempts=attempts, cap=True)
