"""How a request to a server says who asks: not at all, by Basic, by a Bearer token; SMART is in `smart`."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Authorization(Protocol):
    """The value of the Authorization header."""

    def header(self) -> str | None:
        """What to send; None sends no such header.

        Raises:
            RemoteError: a credential has to be fetched first, and that failed.
        """

    def renew(self) -> bool:
        """After a 401: forget the credential; whether the next one may be another."""


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Nobody asks, or the client certificate says who does."""

    def header(self) -> str | None:
        """None."""
        return None

    def renew(self) -> bool:
        """There is nothing to renew."""
        return False


class Secret:
    """A header made of a secret that is read anew after a 401, so that a file can be replaced at run time.

    Args:
        read: the secret.
        scheme: makes the header's value of it.
    """

    def __init__(self, read: Callable[[], str], scheme: Callable[[str], str]) -> None:
        self._read = read
        self._scheme = scheme
        self._secret = read()

    def header(self) -> str | None:
        """Scheme and secret."""
        return self._scheme(self._secret)

    def renew(self) -> bool:
        """Whether the secret is another one by now."""
        before, self._secret = self._secret, self._read()
        return before != self._secret


def bearer(read: Callable[[], str]) -> Secret:
    """RFC 6750 §2.1."""
    return Secret(read, lambda token: f"Bearer {token}")


def basic(user: str, read: Callable[[], str]) -> Secret:
    """RFC 7617, in UTF-8."""

    def scheme(password: str) -> str:
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    return Secret(read, scheme)
