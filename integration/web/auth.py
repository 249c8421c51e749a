"""Who may call: bearers of a token, or, where no token is configured, this machine alone.

Knows a header and an address, neither Flask nor what is asked for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from integration.errors import SettingsInvalid

_LINE = re.compile(r"([A-Za-z0-9._@-]{1,64}):([0-9a-fA-F]{64})")
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Token:
    """A caller's name and the SHA-256 of its token (random and long, so a plain digest is enough)."""

    name: str
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as the audit trail names them."""

    actor: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nobody is let in: 401 to come back with a token, 403 not to come back."""

    status: int
    text: str


def read_tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a token file: a line `name:sha256-hex` each; empty lines and `#` lines are skipped.

    Raises:
        SettingsInvalid: a line is something else, or there is no token at all. The text names the line only.
    """
    tokens = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise SettingsInvalid(f"web.token_file: line {number} is not name:sha256-hex-of-the-token")
        tokens.append(Token(match[1], bytes.fromhex(match[2])))
    if not tokens:
        raise SettingsInvalid("web.token_file holds no token")
    return tuple(tokens)


def authorize(
    authorization: str, *, address: str, host: str, tokens: Collection[Token], public_base: str
) -> Caller | Refusal:
    """Decide about one request.

    | tokens | caller                                     | answer            |
    |--------|--------------------------------------------|-------------------|
    | some   | one of them, as Bearer or Basic password   | user:NAME         |
    | some   | anything else                              | 401               |
    | none   | from another machine                       | 403               |
    | none   | from here, under a host name not of here   | 403 (rebound DNS) |
    | none   | from here                                  | the address       |

    Args:
        authorization: the header of that name; may be empty.
        address: where it comes from.
        host: the Host header.
        tokens: that are accepted.
        public_base: URL of this server; its host name is one of ours.
    """
    if tokens:
        given = _credential(authorization)
        name = _name_of(given, tokens) if given is not None else None
        if name is None:
            return Refusal(401, "a token is needed: Authorization: Bearer …")
        return Caller(f"user:{name}")
    if not _is_loopback(address):
        return Refusal(403, "only this machine may call until web.token_file is set")
    named = urlsplit(f"//{host}").hostname or ""
    if named not in _LOOPBACK_NAMES and named != urlsplit(public_base).hostname:
        return Refusal(403, "this host name is not ours; set web.public_base")
    return Caller(address)


def _credential(header: str) -> bytes | None:
    """The token of a Bearer header (RFC 6750), or the password of a Basic one, so that browsers can come."""
    scheme, _, value = header.partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip().encode()
        case "basic":
            try:
                return base64.b64decode(value, validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                return None
    return None


def _name_of(given: bytes, tokens: Collection[Token]) -> str | None:
    """The name of a token, in a time that does not tell how much of which one was right."""
    digest = hashlib.sha256(given).digest()
    found = None
    for token in tokens:
        if hmac.compare_digest(digest, token.digest):
            found = token.name
    return found


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback
