"""What the web needs of the rest, as one value that wiring builds. There are no globals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from flask import Blueprint
from prometheus_client import CollectorRegistry

from integration.states import DeliveryState, MessageState
from integration.store.database import Database
from integration.store.records import MessageFilter, StoredMessage, Undispatched
from integration.store.results import Results
from integration.telemetry import Metrics
from integration.web.auth import Token
from integration.web.review.desk import ReviewDesk
from mappers.domain.attribution import Software


class Messages(Protocol):
    """What the pages and metrics want to know of received messages; never their bytes."""

    def counts(self) -> Mapping[MessageState, int]:
        """How many messages are in each state but PROCESSED."""

    def list(self, wanted: MessageFilter) -> Sequence[StoredMessage]:
        """Messages that meet the filter, newest first, without their bytes."""

    def undispatched(self, limit: int) -> Sequence[Undispatched]:
        """Messages that the engine was not handed yet, oldest first."""


class Deliveries(Protocol):
    """What the metrics want to know of what leaves."""

    def counts(self) -> Mapping[tuple[str, DeliveryState], int]:
        """How many deliveries of each destination are in each state but DELIVERED."""


@dataclass(frozen=True, slots=True)
class Check:
    """What one probe found.

    Attributes:
        name: of the probe, e.g. "store".
        passed: whether it is as it should be.
        reason: what is wrong and what to do, or how it is; no patient data.
        required: without it this process cannot do its work; other failures leave it ready but degraded.
        warned: it works, and something should be said of it.
    """

    name: str
    passed: bool
    reason: str
    required: bool = True
    warned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What `create_app` builds the application from.

    Attributes:
        review: sign-off.
        public_base: URL of this server as others write it, without a slash at the end.
        clock: the present moment, aware.
        new_id: a fresh request id.
        registry: of `metrics`, in a process that keeps them in memory.
        multiprocess_folder: PROMETHEUS_MULTIPROC_DIR, where several processes keep theirs.
        probes: asked by /readyz, in this order.
        tokens: demanded of every caller when there are any; else only this machine may call.
        behind_proxy: trust X-Forwarded-* of one proxy.
        max_body_bytes: longer requests get 413.
        doors: routes by which messages come in, from `transports`.
        key_set: the JWK set of the keys by which Wardwire proves who it is to others; public halves only.
    """

    database: Database
    results: Results
    messages: Messages
    deliveries: Deliveries
    review: ReviewDesk
    software: Software
    public_base: str
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    metrics: Metrics
    registry: CollectorRegistry
    multiprocess_folder: Path | None = None
    probes: tuple[Callable[[], Check], ...] = field(default=())
    tokens: tuple[Token, ...] = field(default=())
    behind_proxy: bool = False
    max_body_bytes: int = 32 * 2**20
    doors: tuple[Blueprint, ...] = field(default=())
    key_set: Mapping[str, Any] = field(default_factory=lambda: {"keys": []})

    @property
    def fhir_base(self) -> str:
        """URL of the FHIR read face."""
        return f"{self.public_base}/fhir"
