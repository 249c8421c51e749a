"""Who may call a hook: this machine alone, a secret header, a signature, a token, a certificate.

A guard looks twice: at headers, address and certificate before the body is read, and at the body's bytes
before anybody parses them. Comparisons take the same time wherever they differ. Knows neither Flask nor FHIR.

| status | says |
|---|---|
| 401 | there is no credential, or it is not right |
| 403 | the caller is known, or near, and may not do that |
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a caller without its body.

    Attributes:
        headers: by lower-case name.
        address: where it comes from; "" where a proxy stands before it.
        subject: of the certificate that it proved, as RFC 4514 writes it; None without mutual TLS.
    """

    headers: Mapping[str, str] = field(repr=False)
    address: str = ""
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nobody is let in.

    Attributes:
        code: for the audit trail: "no-credential", "wrong-credential", "stale" …
    """

    status: int
    code: str


NO_CREDENTIAL = Refusal(401, "no-credential")
WRONG = Refusal(401, "wrong-credential")
STALE = Refusal(401, "stale")
NOT_ALLOWED = Refusal(403, "not-allowed")
ELSEWHERE = Refusal(403, "not-this-machine")


class Guard(Protocol):
    """Lets callers in."""

    def look(self, facts: Facts) -> Refusal | None:
        """Judge all but the body; None goes on."""

    def verify(self, facts: Facts, body: bytes) -> Refusal | None:
        """Judge the body's bytes; None lets it in."""


class _HeadersOnly:
    """A guard that has seen enough before the body comes."""

    def verify(self, facts: Facts, body: bytes) -> Refusal | None:  # noqa: ARG002
        """Nothing more."""
        return None


class ThisMachine(_HeadersOnly):
    """Where nothing is configured: callers on this machine."""

    def look(self, facts: Facts) -> Refusal | None:
        """By the address, which a proxy hides."""
        try:
            address = ipaddress.ip_address(facts.address)
        except ValueError:
            return ELSEWHERE
        mapped = getattr(address, "ipv4_mapped", None)
        return None if (mapped or address).is_loopback else ELSEWHERE


@dataclass(frozen=True, slots=True)
class SecretHeader(_HeadersOnly):
    """A header that holds a secret, e.g. `Authorization: Bearer …` of a Subscription's channel.header.

    Attributes:
        header: its name in lower case.
        values: accepted ones; a new one stands beside the old while they change.
    """

    header: str
    values: tuple[bytes, ...] = field(repr=False)

    def look(self, facts: Facts) -> Refusal | None:
        """All of the header's value counts."""
        given = facts.headers.get(self.header)
        if given is None:
            return NO_CREDENTIAL
        digest = hashlib.sha256(given.encode("utf-8", "surrogateescape")).digest()
        matches = [hmac.compare_digest(digest, hashlib.sha256(value).digest()) for value in self.values]
        return None if any(matches) else WRONG


_TIMESTAMP = re.compile(r"\d{1,13}")
#: Timestamps beyond this are in milliseconds.
_MILLISECONDS = 10**11


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """An HMAC of the body's bytes in a header.

    Attributes:
        header: its name in lower case.
        prefix: before the signature, e.g. "sha256=".
        timestamp_header: lower-case name of a header with seconds or milliseconds since 1970; then what is
            signed is that text, `separator` and the body, and old ones are refused. "" is none: repeats are
            then known by what they say.
        tolerance_s: how old, or how far ahead, a timestamp may be.
    """

    secrets: tuple[bytes, ...] = field(repr=False)
    clock: Callable[[], datetime]
    header: str = "x-signature"
    algorithm: Literal["sha256", "sha384", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    timestamp_header: str = ""
    separator: str = "."
    tolerance_s: int = 300

    def look(self, facts: Facts) -> Refusal | None:
        """Whether there is a signature at all, and it is not too old."""
        if self._given(facts) is None:
            return NO_CREDENTIAL
        if not self.timestamp_header:
            return None
        text = facts.headers.get(self.timestamp_header, "")
        if not _TIMESTAMP.fullmatch(text):
            return NO_CREDENTIAL
        seconds = int(text) / 1000 if int(text) > _MILLISECONDS else int(text)
        return STALE if abs(self.clock().timestamp() - seconds) > self.tolerance_s else None

    def verify(self, facts: Facts, body: bytes) -> Refusal | None:
        """Whether one of the secrets made it."""
        given = self._given(facts) or b""
        signed = body
        if self.timestamp_header:
            signed = f"{facts.headers.get(self.timestamp_header, '')}{self.separator}".encode() + body
        matches = [
            hmac.compare_digest(given, hmac.digest(secret, signed, self.algorithm)) for secret in self.secrets
        ]
        return None if any(matches) else WRONG

    def _given(self, facts: Facts) -> bytes | None:
        text = facts.headers.get(self.header, "").strip()
        if not text.startswith(self.prefix):
            return None
        text = text.removeprefix(self.prefix)
        try:
            found = bytes.fromhex(text) if self.encoding == "hex" else base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error):
            return None
        return found or None


@dataclass(frozen=True, slots=True)
class Certificate(_HeadersOnly):
    """A client certificate that the server, or the proxy before it, has verified.

    Attributes:
        subjects: as RFC 4514 writes them.
        proxy_header: lower-case name of the header in which the proxy says the subject; "" without one.
    """

    subjects: Collection[str]
    proxy_header: str = ""

    def look(self, facts: Facts) -> Refusal | None:
        """By the subject."""
        subject = facts.headers.get(self.proxy_header) if self.proxy_header else facts.subject
        if not subject:
            return NO_CREDENTIAL
        return None if subject in self.subjects else NOT_ALLOWED
