"""Synthetic resources and a result store in a database of its own, for tests of the store and of the read face."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from integration.store.database import Database
from integration.store.keys import Keys
from integration.store.migrations.upgrade import upgrade
from integration.store.result_records import WriteOutcome
from integration.store.results import Results
from mappers.domain.results import Standing
from mappers.fhir.accruing import Member

NOW = datetime(2026, 11, 22, 9, 30, 15, 123_000, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """What a writer hands to the store."""

    resource: dict[str, Any]
    standing: Standing | None = None
    once: bool = False
    by_element: bool = False
    aliases: tuple[str, ...] = ()
    members: tuple[Member, ...] | None = None
    promotes: bool = False
    numbers: tuple[dict[str, Any], ...] = ()
    deletes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ResultStore:
    """A database with a result store."""

    database: Database
    results: Results

    def write(
        self, *entries: Entry | dict[str, Any], now: datetime = NOW, message_id: str = "m-1"
    ) -> tuple[WriteOutcome, ...]:
        """Write in a transaction of its own."""
        listed = [entry if isinstance(entry, Entry) else Entry(entry) for entry in entries]
        return self.database.write(
            lambda connection: self.results.write(connection, listed, message_id=message_id, now=now)
        ).result(timeout=30)


def open_store(place: Path | str, keys: Keys) -> ResultStore:
    """A store in this folder or at this URL, with the current schema."""
    url = place if isinstance(place, str) else f"sqlite:///{place / 'store.sqlite'}"
    database = Database(url)
    upgrade(database)
    return ResultStore(database, Results(keys))


def coded(system: str, code: str) -> dict[str, Any]:
    """A CodeableConcept of one coding."""
    return {"coding": [{"system": system, "code": code}]}


def reference(target: str) -> dict[str, str]:
    """A Reference."""
    return {"reference": target}


def patient(name: str = "p1", family: str = "Muñoz", **more: Any) -> dict[str, Any]:
    """A Patient."""
    return {
        "resourceType": "Patient",
        "id": name,
        "identifier": [{"system": "urn:oid:1.2.3", "value": f"MRN-{name}"}],
        "name": [{"family": family, "given": ["Ana", "Maria"]}],
        "gender": "female",
        "birthDate": "1970-02-01",
        **more,
    }


def observation(name: str = "o1", value: str = "5.50", **more: Any) -> dict[str, Any]:
    """A laboratory Observation of patient p1."""
    return {
        "resourceType": "Observation",
        "id": name,
        "identifier": [{"system": "urn:oid:1.2.9.8", "value": f"F-{name}"}],
        "status": "final",
        "category": [coded("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory")],
        "code": coded("http://loinc.org", "2823-3"),
        "subject": reference("Patient/p1"),
        "effectiveDateTime": "2026-11-20T08:15:00+01:00",
        "valueQuantity": {
            "value": Decimal(value),
            "unit": "mmol/L",
            "system": "http://unitsofmeasure.org",
            "code": "mmol/L",
        },
        **more,
    }


def report(name: str = "d1", results: Iterable[str] = ("o1",), **more: Any) -> dict[str, Any]:
    """A DiagnosticReport of patient p1."""
    return {
        "resourceType": "DiagnosticReport",
        "id": name,
        "status": "final",
        "category": [coded("http://terminology.hl7.org/CodeSystem/v2-0074", "LAB")],
        "code": coded("http://loinc.org", "24323-8"),
        "subject": reference("Patient/p1"),
        "effectiveDateTime": "2026-11-20",
        "result": [reference(f"Observation/{result}") for result in results],
        **more,
    }


def provenance(name: str, *targets: str, **more: Any) -> dict[str, Any]:
    """A Provenance by the device `engine` from one message."""
    return {
        "resourceType": "Provenance",
        "id": name,
        "target": [reference(target) for target in targets],
        "recorded": "2026-11-22T09:30:15.123Z",
        "agent": [{"who": reference("Device/engine")}],
        "entity": [
            {
                "role": "source",
                "what": {"identifier": {"system": "urn:wardwire:sha256", "value": "ab" * 32}},
            }
        ],
        **more,
    }
