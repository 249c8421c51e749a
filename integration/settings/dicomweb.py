"""The tables about a DICOMweb server that images are fetched from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from integration.settings.fhir import FhirAuthSettings, Url
from integration.settings.section import Section, TlsSettings


class DicomWebSettings(Section):
    """A DICOMweb server (PACS or archive)."""

    base: Url = Field(
        default=None,
        description="Base URL of QIDO-RS and WADO-RS, e.g. https://pacs.example/dicom-web. Without it images "
        "come from the Endpoint that a study names, if `hosts` lists its host.",
    )
    hosts: tuple[str, ...] = Field(
        default=(),
        description="Further hosts that Endpoint resources may name, as `name` or `name:port`; they get this "
        "server's credential. Any other host is never called.",
    )
    plaintext: Literal["refused", "accepted"] = Field(
        default="refused",
        description="A server off loopback without TLS must be accepted in writing here.",
    )
    auth: FhirAuthSettings = Field(
        default=FhirAuthSettings(), description="Who Wardwire is to this server: none, basic or bearer."
    )
    tls: TlsSettings = Field(
        default=TlsSettings(), description="Client certificate, and who signs the server's."
    )
    settle_seconds: float = Field(
        default=10.0,
        ge=0,
        description="A study is whole when its number of instances has not changed for so long and is not "
        "below what its ImagingStudy says.",
    )
    give_up_settling_minutes: float = Field(
        default=30.0, gt=0, description="Time after which a study that does not become whole is not read."
    )
    prior: bool = Field(
        default=True, description="Look for the patient's prior study of the same kind, to compare with."
    )
    max_images: int = Field(
        default=4, ge=1, description="Images of one study that are read; the rest is said in the coverage."
    )
    connect_seconds: float = Field(default=5.0, gt=0, description="Time for a connection to stand.")
    answer_seconds: float = Field(
        default=30.0, gt=0, description="Longest silence while an answer is awaited."
    )
    max_instance_bytes: int = Field(
        default=512 * 2**20, ge=2**16, description="Largest instance in bytes; larger ones are refused."
    )
