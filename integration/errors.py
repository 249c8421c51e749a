"""Exceptions of the outer house. The type is the verdict; the docstring is the message.

WardwireError
├── SettingsInvalid        what is configured cannot run safely
├── NotDelivered           a destination did not take what was sent
│   ├── DestinationUnreachable   nothing was sent
│   ├── DestinationSilent        sent, perhaps received: no answer, or not to this
│   ├── DestinationBusy          it refuses now and may take the same later
│   └── DestinationRefused       it will not take this as it is
├── StoreUnavailable       the database or the blob folder does not take writes
├── NotFound               nothing is stored under that id
├── Conflict               what is stored contradicts what is written; a human decides
├── EarlierMissing         a message changes what nobody sent before
├── DocumentRefused        a document that a message points to may not be fetched, or is none
├── DocumentUnreachable    the server of such a document does not answer now
├── StudyUnsettled         the images of a study still arrive
├── AuditBroken            the audit chain does not verify
├── BlobCorrupt            a stored payload does not decrypt or has the wrong digest
├── AddressRefused         an address that nobody allowed was to be called
└── RemoteError            a server that Wardwire calls did not do what was asked
    ├── RemoteUnavailable  it does not answer, or asks to come again later
    ├── RemoteAmbiguous    its answer was lost; what was asked may have been done
    ├── RemoteRefused      it understood and refused
    │   └── RemoteForbidden  it refused who asks: credential or scope
    ├── RemoteMissing      it has nothing there, or no longer
    ├── RemoteConflict     what it holds contradicts what was asked
    └── RemoteUnreadable   its answer cannot be read, or is longer than allowed

`integration.flows.retry` maps every type to a verdict, and a test demands that the map be total.
"""

from __future__ import annotations


class WardwireError(Exception):
    """Something that Wardwire knows how to name."""


class SettingsInvalid(WardwireError):
    """What is configured cannot run safely; the message names the setting and the remedy."""


class StoreUnavailable(WardwireError):
    """The database or the blob folder does not take writes now."""


class NotFound(WardwireError):
    """Nothing is stored under that id."""


class Conflict(WardwireError):
    """What is stored contradicts what is to be written; a human decides."""


class EarlierMissing(WardwireError):
    """A message changes a result or an order that no message has sent before; a human decides."""


class DocumentRefused(WardwireError):
    """A document that a message points to may not be fetched, or what came is none; the text says why."""


class DocumentUnreachable(WardwireError):
    """The server of a document does not answer now."""


class StudyUnsettled(WardwireError):
    """The images of a study still arrive; it is to be looked at again.

    Attributes:
        again_s: seconds until then.
    """

    def __init__(self, *, again_s: float) -> None:
        super().__init__()
        self.again_s = again_s


class AuditBroken(WardwireError):
    """The audit chain does not verify; the message names the first broken record."""


class BlobCorrupt(WardwireError):
    """A stored payload does not decrypt or has the wrong digest."""


class NotDelivered(WardwireError):
    """A destination did not take what was sent.

    Attributes:
        response: the codes that it answered with, "AE 102"; never its words, which may quote a patient.
        reason: a code of why, where it says more than the type does: "patient-unmatched".
        retry_after: seconds after which it wants to be asked again.
        said: its words, for a human; they may name a patient and belong into sealed storage only.
    """

    def __init__(
        self,
        text: str,
        *,
        response: str | None = None,
        reason: str | None = None,
        retry_after: float | None = None,
        said: bytes = b"",
    ) -> None:
        super().__init__(text)
        self.response = response
        self.reason = reason
        self.retry_after = retry_after
        self.said = said


class DestinationUnreachable(NotDelivered):
    """Nobody answers at the destination, or the TLS handshake failed; nothing was sent."""


class DestinationSilent(NotDelivered):
    """It was sent and no answer to it came; the destination may have it."""


class DestinationBusy(NotDelivered):
    """The destination refuses now and may take the same later."""


class DestinationRefused(NotDelivered):
    """The destination will not take this as it is; sending it again will not help."""


class SigningRefused(WardwireError):
    """A person's decision lacks what it needs: the right to sign, a meaning, a reason, a confirmation."""


class AddressRefused(WardwireError):
    """An address that nobody allowed was to be called; nothing was sent there."""


class RemoteError(WardwireError):
    """A server that Wardwire calls did not do what was asked. The text names neither address nor content.

    Attributes:
        status: HTTP status, None when there was no answer.
        codes: OperationOutcome.issue.code of the answer, or the OAuth error code.
        retry_after: seconds after which the server wants to be asked again.
        outcome: the answer's body for a human; it may name a patient and belongs into sealed storage only.
    """

    def __init__(
        self,
        text: str = "",
        *,
        status: int | None = None,
        codes: tuple[str, ...] = (),
        retry_after: float | None = None,
        outcome: bytes = b"",
    ) -> None:
        super().__init__(text)
        self.status = status
        self.codes = codes
        self.retry_after = retry_after
        self.outcome = outcome


class RemoteUnavailable(RemoteError):
    """The server does not answer now, or asks to come again later; nothing was done."""


class RemoteAmbiguous(RemoteError):
    """The answer was lost on its way; what was asked may have been done."""


class RemoteRefused(RemoteError):
    """The server understood what was asked and refused it."""


class RemoteForbidden(RemoteRefused):
    """The server refused who asks: the credential or its scope."""


class RemoteMissing(RemoteError):
    """The server has nothing there (404), or no longer (410)."""


class RemoteConflict(RemoteError):
    """What the server holds contradicts what was asked (409, 412, or several matches)."""


class RemoteUnreadable(RemoteError):
    """The server's answer cannot be read as what it should be, or is longer than allowed."""
