"""A server that runs models (`inference.backends.calling.ModelHost`). Owns how its failures are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from inference.errors import BackendMisconfigured, BackendUnavailable, InputRefused, OutputInvalid, Refusal
from integration.clients.endpoint import Call, Endpoint
from integration.errors import (
    RemoteAmbiguous,
    RemoteError,
    RemoteForbidden,
    RemoteMissing,
    RemoteUnavailable,
)

_TOO_LARGE: Final = 413
_NOT_THIS: Final = frozenset({400, 422})


@dataclass(frozen=True, slots=True)
class RemoteModelHost:
    """A server of models behind an HTTP endpoint. Asking twice is asking once, so that it may be repeated."""

    endpoint: Endpoint

    def post(self, path: str, body: bytes, *, media_type: str) -> bytes:
        """The body of its answer.

        Raises:
            BackendUnavailable: it does not answer now.
            BackendMisconfigured: it knows no such path or model, or refuses who asks.
            InputRefused: what was sent is too large for it.
            OutputInvalid: it answers with an error of another kind.
        """
        headers = {"Content-Type": media_type, "Accept": "application/json"}
        call = Call(what="POST to a model", method="POST", path=path, headers=headers, content=body)
        return self._asked(call)

    def get(self, path: str) -> bytes:
        """What the server says of itself; raises as `post`."""
        return self._asked(Call(what="GET of a model", path=path, headers={"Accept": "application/json"}))

    def _asked(self, call: Call) -> bytes:
        try:
            return self.endpoint.call(call).content
        except (RemoteUnavailable, RemoteAmbiguous) as error:
            raise BackendUnavailable(str(error)) from None
        except (RemoteForbidden, RemoteMissing) as error:
            raise BackendMisconfigured(str(error)) from None
        except RemoteError as error:
            if error.status == _TOO_LARGE:
                raise InputRefused(Refusal.TOO_LARGE, "the model's server takes no piece so large") from None
            if error.status in _NOT_THIS:
                text = "the model's server cannot process what was sent: too long, or not of its kind"
                raise InputRefused(Refusal.UNSUPPORTED, text) from None
            raise OutputInvalid(str(error)) from None
