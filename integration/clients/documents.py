"""Documents that a message points to, fetched by HTTP from hosts that are allowed by name, and from no other.

A pointer is text that somebody sent: without these rules it could make Wardwire ask any server of the
hospital for anything. Owns address checks and limits. Must not know messages; no error repeats a URL.

| the pointer, or a redirect of it | then |
|---|---|
| is not http or https, or bears a user name | refused |
| names a host and port that the channel does not list | refused |
| its name leads to this machine, to the link, or to no host | refused, unless the address itself is listed |
| goes from https to http, or a fourth time elsewhere | refused |
| answers 5xx, 429, late or not at all | unreachable, to be tried again |
| answers anything but 200, compressed, more bytes than the limit, or none | refused |
"""

from __future__ import annotations

import hashlib
import ipaddress
import socket
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import httpx2

from integration.errors import DocumentRefused, DocumentUnreachable
from mappers.domain import media_types
from mappers.domain.documents import Document, DocumentLink

MEBIBYTE = 2**20
_PORTS = {"http": 80, "https": 443}
_BUSY = 429
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How much of an answer is taken.

    Attributes:
        max_bytes: of the document.
        seconds: from the first connection to the last byte, redirects included.
        silence_seconds: between two pieces.
        redirects: how often another address may be named.
    """

    max_bytes: int = 32 * MEBIBYTE
    seconds: float = 60.0
    silence_seconds: float = 10.0
    redirects: int = 3


def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host.

    Raises:
        OSError: it has none now.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


@dataclass(frozen=True, slots=True)
class DocumentClient:
    """Fetches documents.

    Attributes:
        hosts: by channel what it may fetch from: `name` (ports 80 and 443) or `name:port`.
        resolver: addresses of a host; the one that is checked is the one that is connected to.
        transport: how requests are sent.
    """

    hosts: dict[str, Collection[str]]
    limits: FetchLimits = field(default=FetchLimits())
    resolver: Callable[[str, int], Sequence[str]] = resolve
    transport: httpx2.BaseTransport | None = None

    def fetch(self, link: DocumentLink, *, channel: str) -> Document:
        """The document that a pointer of this channel leads to, its type by its content.

        Raises:
            DocumentRefused: it may not be fetched, or what came is none.
            DocumentUnreachable: its server does not answer now.
        """
        allowed = {host.lower() for host in self.hosts.get(channel, ())}
        content = self._content(link.url, allowed)
        kind = media_types.sniff(content) or link.media_type or media_types.UNKNOWN
        digest = hashlib.sha256(content).hexdigest()
        return Document(content, kind, digest, link.title, link.origin)

    def allows(self, url: str, *, channel: str) -> bool:
        """Whether the channel lists the host of an address; where that leads is seen when it is fetched."""
        try:
            where = _parsed(url)
        except DocumentRefused:
            return False
        return _is_listed(where, {host.lower() for host in self.hosts.get(channel, ())})

    def _content(self, url: str, allowed: Collection[str]) -> bytes:
        deadline = time.monotonic() + self.limits.seconds
        # No proxy, no netrc: the environment decides nothing here.
        with httpx2.Client(
            transport=self.transport, timeout=self.limits.silence_seconds, trust_env=False
        ) as client:
            where = _parsed(url)
            for _ in range(self.limits.redirects + 1):
                answer = self._ask(client, where, allowed, deadline)
                if isinstance(answer, bytes):
                    return answer
                if where.scheme == "https" and answer.scheme != "https":
                    raise DocumentRefused("its server leads from https to http")
                where = answer
        raise DocumentRefused("its server names another address too often")

    def _ask(
        self, client: httpx2.Client, where: httpx2.URL, allowed: Collection[str], deadline: float
    ) -> bytes | httpx2.URL:
        """The bytes, or where they are said to be."""
        address = self._checked(where, allowed)
        request = client.build_request(
            "GET",
            where.copy_with(host=address),
            headers={"Host": where.netloc.decode("ascii"), "Accept": "*/*", "Accept-Encoding": "identity"},
            # The certificate has to be that of the name, though the address is what is connected to.
            extensions={"sni_hostname": where.host},
        )
        try:
            answer = client.send(request, stream=True)
            try:
                return self._taken(answer, where, deadline)
            finally:
                answer.close()
        except httpx2.HTTPError:
            raise DocumentUnreachable("its server did not answer") from None

    def _taken(self, answer: httpx2.Response, where: httpx2.URL, deadline: float) -> bytes | httpx2.URL:
        if answer.has_redirect_location:
            return _parsed(answer.headers["location"], base=where)
        if answer.status_code == _BUSY or answer.status_code >= _SERVER_ERROR:
            raise DocumentUnreachable("its server cannot answer now")
        if answer.status_code != httpx2.codes.OK:
            raise DocumentRefused("its server does not have it, or does not hand it out")
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise DocumentRefused("its server compresses it, unasked")
        content = bytearray()
        for piece in answer.iter_bytes():
            content += piece
            if len(content) > self.limits.max_bytes:
                raise DocumentRefused(f"it is longer than {self.limits.max_bytes} bytes")
            if time.monotonic() > deadline:
                raise DocumentUnreachable("its server takes too long")
        if not content:
            raise DocumentRefused("it is empty")
        return bytes(content)

    def _checked(self, where: httpx2.URL, allowed: Collection[str]) -> str:
        """The address to connect to."""
        port = where.port or _PORTS[where.scheme]
        named = where.host.lower()
        if not _is_listed(where, allowed):
            raise DocumentRefused("the channel's document_hosts do not list its host")
        if _address(named) is not None:
            return named  # listed as an address: meant
        try:
            addresses = self.resolver(named, port)
        except OSError:
            raise DocumentUnreachable("the name of its server has no address now") from None
        fit = [each for each in addresses if _is_elsewhere(each)]
        if not fit or len(fit) < len(addresses):
            raise DocumentRefused("the name of its server leads to an address of this machine or of no host")
        return fit[0]


def _is_listed(where: httpx2.URL, allowed: Collection[str]) -> bool:
    port, named = where.port or _PORTS[where.scheme], where.host.lower()
    return f"{named}:{port}" in allowed or (named in allowed and port in _PORTS.values())


def _parsed(url: str, base: httpx2.URL | None = None) -> httpx2.URL:
    try:
        where = base.join(url) if base else httpx2.URL(url)
    except httpx2.InvalidURL:
        raise DocumentRefused("it is at no valid URL") from None
    if where.scheme not in _PORTS or not where.host:
        raise DocumentRefused("only http and https are fetched")
    if where.userinfo:
        raise DocumentRefused("its URL bears a user name")
    return where


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def _is_elsewhere(text: str) -> bool:
    """Whether an address is another host's: not this machine's, the link's (cloud metadata) or a group's."""
    address = _address(text.partition("%")[0])
    if address is None:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return not (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address.is_reserved
    )
