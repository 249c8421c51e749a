"""Settings of what leaves: destinations and the routes to them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from integration.settings.fhir import FhirServerSettings
from integration.settings.section import Section

#: A name that becomes part of a queue's name.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Version = Literal["2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2"]


class ClientTlsSettings(Section):
    """TLS towards a destination."""

    enabled: bool = Field(default=False, description="Connect with TLS and verify the destination's name.")
    ca: Path | None = Field(
        default=None, description="PEM file with the authorities to trust; else those of the system."
    )
    certificate: Path | None = Field(
        default=None, description="PEM file with Wardwire's own certificate chain, for mutual TLS."
    )
    key: Path | None = Field(default=None, description="PEM file with that certificate's private key.")
    server_name: str | None = Field(
        default=None, description="Name that the destination's certificate bears, where it is not `host`."
    )


class DestinationSettings(Section):
    """One place that results are sent to."""

    kind: Literal["mllp", "folder", "fhir"] = Field(
        default="mllp", description="How it is reached: over MLLP, as files in a folder, or a FHIR server."
    )
    host: str = Field(default="127.0.0.1", description="Name or address of an MLLP receiver.")
    port: int = Field(default=2575, ge=1, le=65535, description="Port of an MLLP receiver.")
    plaintext: Literal["refused", "accepted"] = Field(
        default="refused", description="Sending off loopback without TLS must be accepted in writing here."
    )
    tls: ClientTlsSettings = Field(default=ClientTlsSettings(), description="TLS towards it.")
    connections: int = Field(
        default=1, ge=1, le=64, description="Connections at once; with more, only each patient's order holds."
    )
    connect_seconds: float = Field(default=10.0, gt=0, description="Time to connect, TLS included.")
    answer_seconds: float = Field(
        default=30.0, gt=0, description="Time to wait for an acknowledgement; then the message is sent again."
    )
    fhir: FhirServerSettings = Field(
        default=FhirServerSettings(), description="The server of a destination of kind fhir."
    )
    style: Literal["auto", "transaction", "writes"] = Field(
        default="auto",
        description="How a FHIR server is written to: all at once, one resource after the other, or at once "
        "where it offers that.",
    )
    patient_assigners: tuple[str, ...] = Field(
        default=(),
        description="Systems (URI) of the patient numbers that a FHIR server knows, best first; who is not "
        "found there by one of them is never created: the delivery is parked.",
    )
    order_assigners: tuple[str, ...] = Field(
        default=(),
        description="Systems (URI) of the order numbers that it knows; empty tries all that an order has.",
    )
    missing_orders: Literal["park", "identifier"] = Field(
        default="park",
        description="An order that a FHIR server does not have: park, or name it by its number alone.",
    )
    missing_studies: Literal["park", "identifier"] = Field(
        default="park",
        description="An ImagingStudy that it does not have: park, or name it by its UID alone.",
    )
    notes: Literal["any", "us-core"] = Field(
        default="any",
        description="us-core: documents as US Core 9 'Writing Clinical Notes' has servers take them, plain "
        "text and PDF with LOINC type; others are parked.",
    )
    tasks: bool = Field(default=False, description="Write review Tasks to a FHIR server too.")
    max_document_bytes: int = Field(
        default=5 * 2**20,
        ge=1024,
        description="Longest document inside a resource for a FHIR server (US Core: 5 MiB); longer ones are "
        "parked.",
    )
    path: Path | None = Field(default=None, description="Folder that files are written to; made if missing.")
    message: Literal["ORU_R01", "MDM_T02"] = Field(
        default="ORU_R01", description="What results are written as: discrete results, or documents."
    )
    version: Version = Field(default="2.5.1", description="HL7 version to write (MSH-12).")
    character_set: str = Field(
        default="UNICODE UTF-8", description="Table 0211 code of the character set to write (MSH-18)."
    )
    unencodable: Literal["refuse", "escape"] = Field(
        default="refuse",
        description="A character that the set lacks: park the delivery, or write its UTF-8 bytes as hex.",
    )
    delimiters: str = Field(
        default="|^~\\&", min_length=5, max_length=6, description="MSH-1 and MSH-2 in one text."
    )
    sending_application: str = Field(default="WARDWIRE", description="MSH-3, components joined by ^.")
    sending_facility: str | None = Field(
        default=None, description="MSH-4; else the facility that the results came from."
    )
    receiving_application: str = Field(default="", description="MSH-5, components joined by ^.")
    receiving_facility: str = Field(default="", description="MSH-6, components joined by ^.")
    drafts: Literal["hold", "send"] | None = Field(
        default=None,
        description="Drafts of ours that nobody signed: hold them, or send as preliminary; else as "
        "review.hold_drafts says.",
    )
    max_rejections: int = Field(
        default=8, ge=1, description="AR answers to one message before it is parked for a human."
    )
    give_up_hours: float = Field(
        default=168.0, gt=0, description="Hours without success after which a message is parked."
    )

    @model_validator(mode="after")
    def _reachable(self) -> DestinationSettings:
        if self.kind == "folder" and self.path is None:
            raise ValueError('a destination of kind "folder" needs a path')
        if self.kind == "fhir" and self.fhir.base is None:
            raise ValueError('a destination of kind "fhir" needs fhir.base')
        return self


class RouteSettings(Section):
    """Where the results of some messages go, or who reads some evidence; the first that covers it decides.

    A route that says something of images (modality, body_part, procedure_code, content_type, task, prompt,
    model) is about what is read and how; any other one is about where results go.
    """

    channel: str | None = Field(default=None, description="Messages of this channel; else of any.")
    message_type: str | None = Field(
        default=None, description="Messages of this type, ORU or with its trigger ORU^R01; else of any."
    )
    modality: str | None = Field(default=None, description="Images of this DICOM modality, CR; else of any.")
    body_part: str | None = Field(
        default=None, description="Images of this body part (BodyPartExamined), CHEST; else of any."
    )
    procedure_code: str | None = Field(
        default=None, description="Images of a procedure with this code, as `code` or `system|code`."
    )
    content_type: str | None = Field(
        default=None, description="Content of this media type, image/png, or of a kind of them, image/*."
    )
    task: str | None = Field(
        default=None, description="Task that reads it, radiograph; `none` reads it not. Else the usual one."
    )
    prompt: Path | None = Field(
        default=None, description="Prompt file in the place of the one that the task ships with."
    )
    model: str | None = Field(
        default=None, description="Model that reads it, a name under [models]; else the task's usual one."
    )
    destinations: tuple[str, ...] = Field(
        default=(), description="Destinations that the results go to; none keeps them here."
    )

    @property
    def about_evidence(self) -> bool:
        """Whether it is about what is read and how."""
        said = (self.modality, self.body_part, self.procedure_code, self.content_type)
        return any(each is not None for each in (*said, self.task, self.prompt, self.model))

    @model_validator(mode="after")
    def _one_purpose(self) -> RouteSettings:
        if self.about_evidence and self.destinations:
            raise ValueError("a route about images names no destinations: write a second one for them")
        return self
