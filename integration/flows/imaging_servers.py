"""Which server has a study's images.

| the study names | then |
|---|---|
| an Endpoint (dicom-wado-rs, dicom-qido-rs), switched on, at a host that the settings list | that server |
| other Endpoints, or none | the server of the settings |
| and the settings name no server | none: why, for people |

An Endpoint is somebody else's text: its host is called, and gets a credential, only where it is listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from integration.errors import AddressRefused, RemoteForbidden, RemoteMissing
from integration.flows.imaging_ports import ImageServer, ImageServers
from integration.flows.ports import FhirSource
from integration.store.records import StoredMessage
from mappers.domain.imaging import Endpoint
from mappers.fhir import imaging_study, local_copy, r4

Node = dict[str, Any]

_SERVICES = frozenset({"dicom-wado-rs", "dicom-qido-rs"})
_OFF = frozenset({"suspended", "error", "off", "entered-in-error", "test"})


def server_of(
    message: StoredMessage, *, servers: ImageServers | None, source: FhirSource | None
) -> ImageServer | str:
    """The server, or why there is none.

    Args:
        message: with the ImagingStudy as its server gave it.
        servers: image servers of the channel; None where the settings name none.
        source: the FHIR server of the channel, which has the Endpoints.

    Raises:
        RemoteError: that server does not answer.
    """
    if servers is None:
        return "no image server is configured for this channel"
    refused = False
    for each in _endpoints(message, source):
        if each.connection not in _SERVICES or each.status in _OFF:
            continue
        try:
            return servers.at(each.address)
        except AddressRefused:
            refused = True
    if servers.main is not None:
        return servers.main
    return (
        "the study's Endpoint is at a host that is not allowed"
        if refused
        else "the study names no Endpoint, and no image server is configured"
    )


def _endpoints(message: StoredMessage, source: FhirSource | None) -> Iterator[Endpoint]:
    assert message.raw is not None
    resource: Node = r4.decode(message.raw)
    yield from imaging_study.contained_endpoints(resource)
    if source is None:
        return
    for reference in imaging_study.endpoint_references(resource):
        named = local_copy.target(reference, source.base)
        if named is None or named[0] != "Endpoint":
            continue
        try:
            found = source.read(*named)
        except (RemoteMissing, RemoteForbidden):
            continue
        endpoint = imaging_study.endpoint(dict(found.resource))
        if endpoint is not None:
            yield endpoint
