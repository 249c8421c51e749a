"""FHIR servers that results are written to: who carries, what trials showed, what `wardwire check` asks."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from functools import partial

from integration.clients import capability
from integration.clients.endpoint import Patience
from integration.clients.fhir import FhirServer
from integration.errors import SettingsInvalid, WardwireError
from integration.flows.ports import Courier
from integration.flows.writeback import proving
from integration.flows.writeback.courier import FhirCourier
from integration.flows.writeback.ports import Terms
from integration.flows.writeback.shipment import Loader
from integration.settings import DestinationSettings, Settings
from integration.store import counterparts
from integration.store.counterparts import Counterparts, Proof
from integration.store.ids import utc_text
from integration.web.services import Check
from integration.wiring import stores
from integration.wiring.fhir_servers import build_fhir_server
from integration.wiring.stores import Store

#: SMART system scopes for what is looked up and written at a destination (SMART App Launch 2.2).
WRITE_SCOPE = " ".join(
    (
        *(f"system/{kind}.rs" for kind in capability.LOOKED_UP),
        *(f"system/{kind}.crus" for kind in capability.WRITTEN),
    )
)


def build_fhir_couriers(settings: Settings, store: Store) -> dict[str, Courier]:
    """Who carries results to FHIR servers, by destination; nothing is connected yet.

    Raises:
        SettingsInvalid: a file that the settings name cannot be used.
    """
    return {
        name: FhirCourier(
            server=build_server(name, one),
            terms=terms_of(name, one),
            loader=Loader(store.database, store.results),
            memory=Counterparts(store.database, name, stores.now),
            drafts_proven=partial(is_proven, store, name, one),
        )
        for name, one in settings.destinations.items()
        if one.kind == "fhir"
    }


def build_server(name: str, settings: DestinationSettings, *, patience: Patience | None = None) -> FhirServer:
    """The client of a destination, asking for the scopes of writing unless the settings name others.

    Raises:
        SettingsInvalid: a file that the settings name cannot be used.
    """
    fhir = settings.fhir
    if "scope" not in fhir.auth.model_fields_set:
        scope = f"{WRITE_SCOPE} system/Task.crus" if settings.tasks else WRITE_SCOPE
        fhir = fhir.model_copy(update={"auth": fhir.auth.model_copy(update={"scope": scope})})
    server = build_fhir_server(f"destinations.{name}.fhir", fhir, patience=patience)
    assert server is not None  # the settings demand a base
    return server


def terms_of(name: str, settings: DestinationSettings) -> Terms:
    """What was agreed with a destination."""
    return Terms(
        name=name,
        style=settings.style,
        patient_assigners=settings.patient_assigners,
        order_assigners=settings.order_assigners,
        missing_orders=settings.missing_orders,
        missing_studies=settings.missing_studies,
        us_core_notes=settings.notes == "us-core",
        tasks=settings.tasks,
        max_document_bytes=settings.max_document_bytes,
    )


def is_proven(store: Store, name: str, settings: DestinationSettings) -> bool:
    """Whether trials showed that the server which the settings name now keeps drafts apart."""
    found = proof_of(store, name)
    return found is not None and found.passed and found.base == settings.fhir.base


def proof_of(store: Store, name: str) -> Proof | None:
    """What trials at a destination showed; None when none were made.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    with store.database.read() as connection:
        return counterparts.proof(connection, name)


def prove(settings: Settings, store: Store, name: str, *, patient: str) -> tuple[proving.Trial, ...]:
    """Make the trials at a destination and keep what they showed.

    Raises:
        SettingsInvalid: no FHIR server of that name is in the settings.
        StoreUnavailable: the store does not take it.
        ValueError: `patient` is no FHIR id.
    """
    one = settings.destinations.get(name)
    if one is None or one.kind != "fhir":
        raise SettingsInvalid(f'destinations.{name} is no destination of kind "fhir"')
    found = proving.trials(build_server(name, one), patient=patient, run=uuid.uuid4().hex)
    proof = Proof(
        base=one.fhir.base or "",
        tried_at=utc_text(stores.now()),
        passed=all(each.passed for each in found),
        report=json.dumps([[each.kind, each.passed, each.told] for each in found]),
    )
    store.database.write(lambda connection: counterparts.keep_proof(connection, name, proof)).result()
    return found


def probes(settings: Settings, store: Store | None) -> Iterator[Callable[[], tuple[Check, ...]]]:
    """What `wardwire check` asks the FHIR servers of destinations."""
    for name, one in settings.destinations.items():
        if one.kind == "fhir":
            yield partial(_probe, name, one, store)


def _probe(name: str, settings: DestinationSettings, store: Store | None) -> tuple[Check, ...]:
    place = f"destinations.{name}"
    try:
        server = build_server(name, settings, patience=Patience(attempts=1))
        offered = capability.read(server.capabilities())
        for kind in ("Patient", "DiagnosticReport"):
            # The statement is open to all; a count of nothing shown proves that we may ask.
            next(server.pages(kind, [("_summary", "count"), ("identifier", "urn:ietf:rfc:3986|urn:x")]))
    except WardwireError as error:
        return (Check(place, passed=False, reason=str(error)),)
    found = tuple(
        Check(f"{place} {each.name}", passed=each.passed or not each.required, reason=each.reason)
        for each in capability.judge_destination(offered, style=settings.style, tasks=settings.tasks)
    )
    return (*found, *_agreed(place, settings), *_drafts(place, name, settings, store))


def _agreed(place: str, settings: DestinationSettings) -> Iterator[Check]:
    systems = ", ".join(settings.patient_assigners)
    yield Check(
        f"{place} patients",
        passed=bool(systems),
        reason=f"matched by {systems}"
        if systems
        else "patient_assigners is not set: only patients who were read from this server are known there",
        required=False,
    )


def _drafts(place: str, name: str, settings: DestinationSettings, store: Store | None) -> Iterator[Check]:
    if settings.drafts != "send":
        yield Check(f"{place} drafts", passed=True, reason="held until they are signed")
        return
    remedy = f"run `wardwire destinations probe {name} --patient ID`; until then drafts are parked"
    try:
        found = proof_of(store, name) if store else None
    except WardwireError as error:
        yield Check(f"{place} drafts", passed=False, reason=str(error))
        return
    if found is None or found.base != settings.fhir.base:
        yield Check(f"{place} drafts", passed=False, reason=f"nobody tried whether it keeps drafts: {remedy}")
    elif not found.passed:
        yield Check(f"{place} drafts", passed=False, reason=f"it failed on {found.tried_at[:10]}: {remedy}")
    else:
        yield Check(
            f"{place} drafts", passed=True, reason=f"sent; it kept them apart on {found.tried_at[:10]}"
        )
