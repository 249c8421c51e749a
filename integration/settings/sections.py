"""The tables of the settings file: every setting with its type, default and meaning."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from integration.settings.dicomweb import DicomWebSettings
from integration.settings.fhir import FhirServerSettings
from integration.settings.hooks import HookSettings
from integration.settings.section import Section, TlsSettings

MEBIBYTE = 2**20


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _zone(name: str | None) -> str | None:
    if name is not None:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("not an IANA time zone, write for example Europe/Rome") from error
    return name


def _character_set(name: str | None) -> str | None:
    if name is not None:
        # Only a feed that names one needs the tables.
        from mappers.hl7v2.charsets import named  # noqa: PLC0415

        if named(name) is None:
            raise ValueError("not a character set of table 0211, write for example 8859/1")
    return name


class WebSettings(Section):
    """The HTTP server: read face, pages, health, metrics."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on.")
    public_base: str | None = Field(
        default=None,
        description="URL under which others reach this server, for links; else http://host:port.",
    )
    workers: int = Field(default=2, ge=1, description="Worker processes.")
    threads: int = Field(default=8, ge=1, description="Threads in each worker process.")
    max_body_bytes: int = Field(default=32 * MEBIBYTE, ge=1024, description="Largest request body in bytes.")
    token_file: Path | None = Field(
        default=None,
        description="File of accepted bearer tokens, one `name:sha256-hex-of-token` a line. "
        "Demanded from every caller when set; must be set to listen off loopback.",
    )
    submission_channel: str = Field(
        default="default",
        description="Channel whose rules count for what is submitted to POST /fhir.",
    )
    tls: TlsSettings = Field(default=TlsSettings(), description="TLS of this server.")
    behind_proxy: bool = Field(
        default=False,
        description="A proxy on this machine terminates TLS: trust its X-Forwarded-* headers.",
    )


class StoreSettings(Section):
    """Where everything is kept."""

    url: str = Field(
        default="sqlite:///wardwire-data/wardwire.sqlite",
        description="Database: sqlite:///path or postgresql+psycopg://user@host/name.",
    )
    blobs: Path | None = Field(
        default=None, description="Folder of encrypted payloads; else `blobs` beside the SQLite file."
    )
    inline_bytes: int = Field(
        default=4096, ge=0, description="Payloads up to this many bytes stay in their row, encrypted."
    )
    duplicate_window_hours: int = Field(
        default=168,
        ge=1,
        description="How long a resent message is recognised as one that was answered before.",
    )


class EngineSettings(Section):
    """The durable execution engine."""

    url: str | None = Field(
        default=None,
        description="Its own database; else `engine.sqlite` beside the store, or the store's server.",
    )
    executor: str | None = Field(
        default=None, description="Stable name of this worker, unique among workers; else the host's name."
    )
    concurrency: int = Field(default=8, ge=1, description="Messages that one worker processes at a time.")
    polling_seconds: float = Field(default=0.05, gt=0, description="Pause between looks at the queue.")
    max_attempts: int = Field(default=8, ge=1, description="Attempts at one message before it is parked.")


class SecuritySettings(Section):
    """Keys and what protects them."""

    key_file: Path | None = Field(
        default=None,
        description="File with the payload, digest and checkpoint keys (mode 0600); made at first start. "
        "Else `keys.json` beside the SQLite file. Keep a copy apart: without it nothing stored can be read.",
    )


class AuditSettings(Section):
    """The audit trail."""

    checkpoint_file: Path | None = Field(
        default=None, description="Append signed checkpoints to this file; put it on another machine or WORM."
    )
    checkpoint_minutes: int = Field(default=60, ge=1, description="Minutes between checkpoints.")
    organization: str | None = Field(
        default=None, description="Name of the organization on whose behalf Wardwire acts, for Provenance."
    )


class RetentionSettings(Section):
    """How long bytes are kept. Rows, audit records and results stay; of results only recordings can go."""

    messages_days: int | None = Field(
        default=None,
        ge=1,
        description="Days after which the bytes of a message are erased, once it was processed, discarded or "
        "refused and nothing of it waits. It cannot be replayed then. Without it they are kept for ever.",
    )
    deliveries_days: int | None = Field(
        default=None,
        ge=1,
        description="Days after which the bytes of a delivery are erased, once it was delivered or "
        "discarded. It cannot be sent again then. Without it they are kept for ever.",
    )
    recordings_days: int | None = Field(
        default=None,
        ge=1,
        description="Days after which recordings of sound are erased from stored Media, DocumentReference "
        "and Binary, once no reading, draft or delivery waits for them. Without it they are kept for ever.",
    )


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError("not an address or network, write for example 10.1.0.0/16") from error
    return text


Network = Annotated[str, AfterValidator(_network)]


class PeerSettings(Section):
    """A peer that may connect to an MLLP listener; with none, every peer may."""

    addresses: tuple[Network, ...] = Field(
        default=(), description="Addresses or networks (CIDR) that it may come from; empty is any."
    )
    subjects: tuple[str, ...] = Field(
        default=(),
        description="Subjects of its certificates as RFC 4514 writes them, e.g. 'CN=lab-a,O=Ward'; "
        "need tls.require_client. Empty is any.",
    )
    max_message_bytes: int | None = Field(
        default=None, ge=1024, description="Largest message of this peer in bytes; else the listener's."
    )
    messages_per_second: float | None = Field(
        default=None, gt=0, description="Rate of all its connections together; else the listener's."
    )


class MllpSettings(Section):
    """One MLLP listener."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=2575, ge=0, le=65535, description="Port to listen on (IANA: 2575).")
    channel: str = Field(default="default", description="Channel that its messages belong to.")
    plaintext: Literal["refused", "accepted"] = Field(
        default="refused", description="Listening off loopback without TLS must be accepted in writing here."
    )
    tls: TlsSettings = Field(default=TlsSettings(), description="TLS of this listener.")
    max_message_bytes: int = Field(default=32 * MEBIBYTE, ge=1024, description="Largest message in bytes.")
    max_held_bytes: int = Field(
        default=256 * MEBIBYTE, ge=1024, description="Bytes of unanswered messages over all connections."
    )
    max_connections: int = Field(default=1000, ge=1, description="Open connections; more are closed at once.")
    max_connections_per_host: int = Field(default=250, ge=1, description="The same for one address.")
    pipeline_depth: int = Field(
        default=32, ge=1, description="Messages of one connection in hand at once; answers keep their order."
    )
    idle_seconds: float = Field(default=3600.0, gt=0, description="Close a connection silent for so long.")
    message_seconds: float = Field(
        default=120.0, gt=0, description="Time from a message's first byte to its last."
    )
    messages_per_second: float | None = Field(
        default=None,
        gt=0,
        description="Messages taken from one address or certificate in a second; who sends faster is read "
        "more slowly, nothing is refused. Without it there is no limit.",
    )
    release: int = Field(
        default=1,
        ge=1,
        le=2,
        description="MLLP release. 2 sends a commit block (0B 06 1C 0D, or 0B 15 1C 0D) before each answer.",
    )
    peers: dict[str, PeerSettings] = Field(default={}, description="Who may connect, by a name of yours.")


class ChannelSettings(Section):
    """What is agreed about one feed."""

    time_zone: Annotated[str | None, AfterValidator(_zone)] = Field(
        default=None,
        description="IANA zone of times without offset; without it such times are cut to their date.",
    )
    character_set: Annotated[str | None, AfterValidator(_character_set)] = Field(
        default=None, description="Table 0211 code to use when MSH-18 is empty, e.g. 8859/1."
    )
    character_set_override: Annotated[str | None, AfterValidator(_character_set)] = Field(
        default=None,
        description="Table 0211 code to use whatever MSH-18 says, for senders whose MSH-18 lies.",
    )
    assigners: dict[str, str] = Field(
        default={}, description="Local name space (HD.1) to URI, e.g. LAB = 'urn:oid:1.2.3'."
    )
    code_systems: dict[str, str] = Field(
        default={}, description="Local coding system (CWE.3) to URI, e.g. L = 'http://lab.example/codes'."
    )
    patient_assigners: tuple[str, ...] = Field(
        default=(),
        description="Assigners (URI or HD.1), best first, that decide which PID-3 names the patient.",
    )
    order_assigner: str | None = Field(
        default=None, description="Scope of order numbers that carry no assigner; else MSH-4, then MSH-3."
    )
    unit_aliases: dict[str, str] = Field(
        default={}, description="Reported unit to UCUM, looked up before the shipped table."
    )
    text_numbers: bool = Field(
        default=False, description="Read ST results that are numbers and have a unit as quantities."
    )
    result_mode: Literal["cumulative", "snapshot"] = Field(
        default="cumulative",
        description="cumulative: a report keeps the results that a later message on it leaves out; only "
        "OBX-11 D or W takes one away. snapshot: each message on a report tells of all its results.",
    )
    processing_ids: tuple[Literal["P", "T", "D"], ...] = Field(
        default=("P", "T", "D"),
        description="MSH-11 values to accept; others get AR. Results of T and D are labelled HTEST.",
    )
    fhir: FhirServerSettings = Field(
        default=FhirServerSettings(), description="The FHIR server of this feed, if it has one."
    )
    dicomweb: DicomWebSettings = Field(
        default=DicomWebSettings(), description="The DICOMweb server of this feed's images, if it has one."
    )
    hook: HookSettings = Field(default=HookSettings(), description="Who may notify this feed at /hooks/NAME.")
    same_id_other_content: Literal["refuse", "process"] = Field(
        default="refuse",
        description="A known MSH-10 with other content: refuse (AE, bytes kept, alarm) or process it.",
    )
    acknowledgement_mode: Literal["as-asked", "original"] = Field(
        default="as-asked",
        description="as-asked: original or enhanced mode as MSH-15 and MSH-16 say. original: one answer to "
        "every message, for senders that fill these fields and wait for AA all the same.",
    )
    extract_documents: bool = Field(
        default=True, description="Read laboratory results off documents (PDF, pictures) as drafts."
    )
    recordings: Literal["detect", "conversations"] = Field(
        default="detect",
        description="detect: tell dictations from conversations by rule. conversations: all are. A "
        "conversation gets a transcript and no report.",
    )
    arrange_conversations: bool = Field(
        default=False,
        description="Arrange conversations as reports, too: the recogniser was not trained on them.",
    )
    read_narratives: bool = Field(
        default=True,
        description="List the findings of reports that are all text, as drafts, where a model is configured.",
    )
    document_hosts: tuple[str, ...] = Field(
        default=(),
        description="Hosts from which documents that a message points to (RP) are fetched, as `name` or "
        "`name:port`; empty fetches none.",
    )
    analyte_codes: dict[str, str] = Field(
        default={}, description="Name of a test as a document prints it to LOINC, before the shipped table."
    )
    destinations: tuple[str, ...] = Field(
        default=(), description="Destinations that its results go to, unless a route says otherwise."
    )
    application_acks: str = Field(
        default="return",
        description="Where application acknowledgements of enhanced mode (MSH-16) go: 'return' is the "
        "connection that the message came by, 'never' is nowhere, else the name of a destination.",
    )
    sequence_numbers: bool = Field(
        default=False,
        description="Use the sequence number protocol: MSH-13 must be 0, -1 or the next number, MSA-4 says "
        "which is expected.",
    )


class FolderSettings(Section):
    """A watched folder: each file in it is a message, several, or a batch."""

    path: Path = Field(description="Folder to watch; working/, done/ and refused/ are made in it.")
    channel: str = Field(default="default", description="Channel that the messages of its files belong to.")
    pattern: str = Field(
        default="*.hl7", description="Names of files to take; let senders write another name and rename."
    )
    settle_seconds: float = Field(
        default=2.0, ge=0, description="A file is whole when it has not changed for so long."
    )
    poll_seconds: float = Field(default=1.0, gt=0, description="Pause between looks at the folder.")
    max_bytes: int = Field(
        default=64 * MEBIBYTE, ge=1024, description="Largest file in bytes; a larger one is refused."
    )
    keep_done: bool = Field(
        default=True,
        description="Keep files that were taken in done/, as readable as they came; else remove them: their "
        "messages are in the store, encrypted.",
    )
