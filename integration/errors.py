"""Exceptions of the outer house. The type is the verdict; the docstring is the message.

WardwireError
├── SettingsInvalid        what is configured cannot run safely
├── StoreUnavailable       the database or the blob folder does not take writes
├── NotFound               nothing is stored under that id
├── Conflict               what is stored contradicts what is written; a human decides
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


class AuditBroken(WardwireError):
    """The audit chain does not verify; the message names the first broken record."""


class BlobCorrupt(WardwireError):
    """A stored payload does not decrypt or has the wrong digest."""
