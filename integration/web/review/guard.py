"""That a decision comes from our own page and the same caller: browsers send passwords by themselves."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit


class Headers(Protocol):
    """The headers of a request."""

    def get(self, name: str, /) -> str | None:
        """One of them."""


_SAME = frozenset({"same-origin", "none"})


@dataclass(frozen=True, slots=True)
class Guard:
    """Tokens for forms: keyed, for one caller and one case, for today and yesterday.

    Attributes:
        mark: keyed digest of bytes.
        clock: aware now.
        public_base: URL of this server; its host name is one of ours.
    """

    mark: Callable[[bytes], str]
    clock: Callable[[], datetime]
    public_base: str

    def token(self, actor: str, key: str) -> str:
        """What the page puts into its forms."""
        return self._token(actor, key, self.clock())

    def refuses(self, actor: str, key: str, token: str, headers: Headers, host: str) -> str | None:
        """Why a form is not taken; None when it is ours."""
        site = headers.get("Sec-Fetch-Site")
        if site is not None and site not in _SAME:
            return "the form came from another site"
        origin = headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc not in {host, urlsplit(self.public_base).netloc}:
            return "the form came from another site"
        now = self.clock()
        known = (self._token(actor, key, now), self._token(actor, key, now - timedelta(days=1)))
        if not any(hmac.compare_digest(token.encode(), each.encode()) for each in known):
            return "the page is too old or another caller's: open it again"
        return None

    def _token(self, actor: str, key: str, at: datetime) -> str:
        return self.mark(
            f"review form\x1f{actor}\x1f{key}\x1f{at.astimezone(UTC).date().isoformat()}".encode()
        )
