"""Observation from OBX (v2-to-FHIR, OBX[Observation] and OBX[Observation-Component]; US Core 9)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mappers.domain.orders import Note
from mappers.domain.people import Address, Organization
from mappers.domain.results import Measurement, ReferenceRange, Report
from mappers.fhir import values
from mappers.fhir.account import Account
from mappers.fhir.categories import of_measurement
from mappers.fhir.chart import Chart, notes_of, timing
from mappers.fhir.datatypes import (
    absent,
    actor,
    address,
    concept,
    concepts,
    identifier,
    identifiers,
    is_ordered,
    pruned,
    simple_quantity,
    text,
    unit,
)
from mappers.fhir.definitions import load

Node = dict[str, Any]

_ABSENT_REASON = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_SUB_ID = "http://hl7.org/fhir/StructureDefinition/observation-v2-subid"
_NATURE = "http://hl7.org/fhir/StructureDefinition/observation-nature-of-abnormal-test"
_ANALYSED = "http://hl7.org/fhir/StructureDefinition/observation-analysis-date-time"
_ALTERNATE_CODES = "http://hl7.org/fhir/StructureDefinition/alternate-codes"
_RESULT_STATUS = "http://terminology.hl7.org/CodeSystem/v2-0085"
#: Our own: a unit beside a value that cannot carry it (docs/fhir-extensions.md).
REPORTED_UNIT = "https://wardwire.org/fhir/StructureDefinition/reported-unit"

#: Statuses under which a result may be without value and reason.
_WITHOUT_RESULT = frozenset({"cancelled", "entered-in-error", "registered"})


def write(
    measurement: Measurement,
    *,
    report: Report | None,
    section: str | None,
    notes: tuple[Note, ...],
    chart: Chart,
) -> Node:
    """The Observation.

    Args:
        measurement: the result.
        report: the report that it belongs to, if any.
        section: observation category of that report.
        notes: notes on the report that are shown with this result, beside its own.
        chart: what it shares with the rest of the message.
    """
    account = chart.account
    account.origin = measurement.origins[0] if measurement.origins else ""
    contained, performers = _performers(measurement, account)
    order = report.order if report else None
    resource = chart.head(measurement.identity) | pruned(
        {
            "contained": contained,
            "extension": _extensions(measurement, account),
            "identifier": identifiers(measurement.identifiers, account),
            "basedOn": [{"reference": order.identity.reference}] if order else None,
            "status": measurement.status,
            **_cancelled(measurement.status),
            "category": concepts(of_measurement(measurement, section), account),
            "code": concept(measurement.code, account) or {"extension": absent()},
            "subject": chart.subject,
            "encounter": chart.encounter,
            **timing("effective", measurement.effective, account),
            "issued": _issued(measurement),
            "performer": performers,
            **_result(measurement, account),
            "interpretation": concepts(measurement.interpretations, account),
            "note": [
                *notes_of(measurement.notes, "Observation.note", account),
                *notes_of(notes, "Observation.note", account),
            ],
            "bodySite": concept(measurement.body_site, account),
            "method": concept(measurement.method, account),
            "specimen": {"reference": measurement.specimen.reference} if measurement.specimen else None,
            "device": _device(measurement, account),
            "referenceRange": _ranges(measurement.reference_ranges, account),
            **_components(measurement, account),
        }
    )
    _trace(measurement, report, resource, account)
    return resource


def write_promotion(measurement: Measurement, *, chart: Chart) -> Node:
    """What OBX-11 U says of a result that was sent before: no Observation by itself."""
    account = chart.account
    account.origin = measurement.origins[0] if measurement.origins else ""
    resource = chart.head(measurement.identity) | pruned(
        {
            "status": measurement.status,
            "subject": chart.subject,
            "issued": _issued(measurement),
        }
    )
    account.wrote_all(measurement.origins, resource, without=("issued",))
    return resource


def _issued(measurement: Measurement) -> str | None:
    """OBR-22, where it is an instant; where it is none, the report says so."""
    issued = measurement.issued
    return issued.text if issued and issued.is_instant else None


def _result(measurement: Measurement, account: Account) -> Node:
    """The value, or why there is none; with components there is neither (obs-6, obs-7)."""
    if measurement.components:
        return {}
    written = values.write(measurement.value, account) if measurement.value is not None else {}
    if written:
        return written
    reason = measurement.absent_reason
    if reason is None and measurement.status in _WITHOUT_RESULT:
        return {}
    return {"dataAbsentReason": _absent_reason(reason)}


def _absent_reason(reason: str | None) -> Node:
    known = reason if reason in load().systems[_ABSENT_REASON] else "unknown"
    return {"coding": [{"system": _ABSENT_REASON, "code": known}]}


def _components(measurement: Measurement, account: Account) -> Node:
    """Repeats of OBX-5: each a component of the same code."""
    if not measurement.components:
        return {}
    several = (
        measurement.components if measurement.value is None else (measurement.value, *measurement.components)
    )
    label = concept(measurement.code, account) or {"extension": absent()}
    written = [
        {"code": dict(label), **(values.write(value, account) or {"dataAbsentReason": _absent_reason(None)})}
        for value in several
    ]
    return {"component": written}


def _ranges(ranges: Iterable[ReferenceRange], account: Account) -> list[Node]:
    written = []
    for one in ranges:
        bounds = {}
        if is_ordered(one.low, one.high):
            bounds = {"low": simple_quantity(one.low, account), "high": simple_quantity(one.high, account)}
        node = pruned({**bounds, "text": text(one.text)})
        if node:
            written.append(node)
    return written


def _cancelled(status: str) -> Node:
    """OBX-11 X keeps its own code beside `cancelled` (v2-to-FHIR, OBX-11)."""
    if status != "cancelled":
        return {}
    code = {"coding": [{"system": _RESULT_STATUS, "code": "X"}]}
    return {"_status": {"extension": [{"url": _ALTERNATE_CODES, "valueCodeableConcept": code}]}}


def _extensions(measurement: Measurement, account: Account) -> list[Node]:
    written: list[Node] = []
    sub_id = text(measurement.sub_id)
    if sub_id:
        part = {"url": "original-sub-identifier", "valueString": sub_id}
        written.append({"url": _SUB_ID, "extension": [part]})
    natures = concepts(measurement.nature_of_abnormality, account)
    written += [{"url": _NATURE, "valueCodeableConcept": nature} for nature in natures]
    if measurement.analysed:
        written.append({"url": _ANALYSED, "valueDateTime": measurement.analysed.text})
    reported = unit(measurement.unit, account)
    if reported:
        written.append({"url": REPORTED_UNIT, "valueQuantity": reported})
    return written


def _device(measurement: Measurement, account: Account) -> Node | None:
    if measurement.device is None:
        return None
    number = identifier(measurement.device, account)
    return {"type": "Device", "identifier": number} if number else None


def _performers(measurement: Measurement, account: Account) -> tuple[list[Node], list[Node]]:
    """Logical references; a laboratory whose address was sent is contained, for a reference holds none."""
    contained: list[Node] = []
    performers: list[Node] = []
    for one in measurement.performers:
        who = actor(one, account)
        if isinstance(one, Organization):
            places = [place for spot in one.addresses if (place := _work_address(spot, account))]
            if who and places:
                key = f"performer-{len(contained) + 1}"
                contained.append(
                    pruned(
                        {
                            "resourceType": "Organization",
                            "id": key,
                            "identifier": identifiers(one.identifiers, account),
                            "name": text(one.name),
                            "address": places,
                        }
                    )
                )
                who = pruned({"reference": f"#{key}", "type": "Organization", "display": text(one.name)})
        if who:
            performers.append(who)
    return contained, performers


def _work_address(value: Address, account: Account) -> Node | None:
    """An organization lives nowhere: no address of use `home` (org-2)."""
    written = address(value, account)
    if written and written.get("use") == "home":
        del written["use"]
    return written


def _trace(measurement: Measurement, report: Report | None, resource: Node, account: Account) -> None:
    """What OBX said, and what it was given by its OBR."""
    given = ["basedOn", "category", "specimen", "note"]
    above = report.origins if report else ()
    if report is not None:
        if measurement.effective == report.effective:
            given += ["effectiveDateTime", "effectivePeriod"]
        if measurement.issued == report.issued:
            given.append("issued")
        for origin in above:
            if origin.startswith("OBR"):
                for name in given[1:]:
                    if name in resource and name not in {"specimen", "note"}:
                        account.wrote(origin, f"Observation.{name}")
    account.wrote_all(measurement.origins, resource, without=given)
    if "extension" in resource:
        for origin in measurement.origins:
            account.wrote(origin, "Observation.extension")
