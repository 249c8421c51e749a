"""Device: the software that wrote a result, Wardwire itself."""

from __future__ import annotations

from typing import Any

from mappers.domain.attribution import Software
from mappers.domain.identifiers import Identity

Node = dict[str, Any]


def identity_of(software: Software) -> Identity:
    """One Device for each version: what a version wrote can be found for ever."""
    return Identity("Device", (software.name, software.version))


def write(software: Software) -> Node:
    """The Device. It is the same whatever the message, so that it bears no source."""
    identity = identity_of(software)
    return {
        "resourceType": "Device",
        "id": identity.id,
        "status": "active",
        "deviceName": [{"name": software.name, "type": "model-name"}],
        "type": {"text": "Interface engine"},
        "version": [{"value": software.version}],
    }
