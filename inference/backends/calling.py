"""How a remote model is reached: a port of one call. Who answers to it owns addresses, keys and limits."""

from __future__ import annotations

from typing import Protocol


class ModelHost(Protocol):
    """A server that runs models."""

    def post(self, path: str, body: bytes, *, media_type: str) -> bytes:
        """The body of its answer.

        Args:
            path: below the host's address; "" for the address itself.
            body: what is sent.
            media_type: of the body, parameters included.

        Raises:
            BackendUnavailable: it does not answer now.
            BackendMisconfigured: it knows no such path or model, or refuses who asks.
            InputRefused: what was sent is too large for it.
            OutputInvalid: it answers with an error of another kind.
        """
