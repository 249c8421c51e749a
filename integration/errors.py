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
├── DocumentRefused        a document that a message points to may not be fetched, or is none
├── DocumentUnreachable    the server of such a document does not answer now
├── AuditBroken            the audit chain does not verify
└── BlobCorrupt            a stored payload does not decrypt or has the wrong digest

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


class DocumentRefused(WardwireError):
    """A document that a message points to may not be fetched, or what came is none; the text says why."""


class DocumentUnreachable(WardwireError):
    """The server of a document does not answer now."""


class AuditBroken(WardwireError):
    """The audit chain does not verify; the message names the first broken record."""


class BlobCorrupt(WardwireError):
    """A stored payload does not decrypt or has the wrong digest."""


class NotDelivered(WardwireError):
    """A destination did not take what was sent.

    Attributes:
        response: the codes that it answered with, "AE 102"; never its words, which may quote a patient.
    """

    def __init__(self, text: str, *, response: str | None = None) -> None:
        super().__init__(text)
        self.response = response


class DestinationUnreachable(NotDelivered):
    """Nobody answers at the destination, or the TLS handshake failed; nothing was sent."""


class DestinationSilent(NotDelivered):
    """It was sent and no answer to it came; the destination may have it."""


class DestinationBusy(NotDelivered):
    """The destination refuses now and may take the same later."""


class DestinationRefused(NotDelivered):
    """The destination will not take this as it is; sending it again will not help."""
