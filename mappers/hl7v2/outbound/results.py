"""ORC, OBR and OBX of an outgoing message: an order's results, with their statuses."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final

from mappers.domain.coding import Coding, Concept
from mappers.domain.documents import Document
from mappers.domain.identifiers import Identifier
from mappers.domain.orders import Order
from mappers.domain.people import Organization, Practitioner
from mappers.domain.results import Measurement, Report, Specimen
from mappers.hl7v2 import tables
from mappers.hl7v2.outbound import codes, datatypes, segments, values
from mappers.hl7v2.outbound.composer import Composer, Field, Repetition
from mappers.hl7v2.outbound.recipient import Recipient

_RESULTS_FOLLOW: Final = "RE"  # table 0119, ORC-1
_REFLEX: Final = "G"  # table 0065, OBR-11


def orc(composer: Composer, report: Report) -> None:
    """ORC: the order that the results answer, and the comments on it."""
    order = report.order
    fields: dict[int, Field] = {
        1: _RESULTS_FOLLOW,
        2: datatypes.ei(number(report, "PLAC")),
        3: datatypes.ei(number(report, "FILL")),
    }
    if order is not None:
        later = composer.recipient.since("2.7")
        fields |= {
            4: datatypes.ei(order.requisition),
            5: codes.ORDER_STATUS.get(order.status, ""),
            12: [datatypes.xcn(each, later=later) for each in order.requester],
        }
    composer.add("ORC", fields)
    if order is not None:
        segments.notes(composer, order.notes)


def number(report: Report, kind: str) -> Identifier | None:
    """The placer's or filler's order number."""
    held = (*report.identifiers, *(report.order.identifiers if report.order else ()))
    return next((each for each in held if datatypes.has_type(each, kind)), None)


def obr(composer: Composer, report: Report, ordinal: int) -> None:
    """OBR: what was done, when, how far it is; and the comments on it."""
    to = composer.recipient
    status = codes.REPORT_STATUS.get(report.status, "")
    if not status:
        composer.warn("OBR", 25, "the report's status is unknown: OBR-25 stays empty")
    specimen = next(iter(report.specimens), None)
    fields: dict[int, Field] = {
        1: str(ordinal),
        2: datatypes.ei(number(report, "PLAC")),
        3: datatypes.ei(number(report, "FILL")),
        4: segments.coded(composer, "OBR", 4, report.code),
        7: datatypes.start_of(report.effective),
        8: datatypes.end_of(report.effective),
        22: datatypes.dtm(report.issued),
        24: section(report),
        25: status,
        32: [datatypes.ndl(each) for each in report.interpreters],
    }
    if report.order is not None:
        fields |= _order(composer, report.order)
    if specimen is not None and not to.since("2.5"):
        fields |= {14: datatypes.dtm(specimen.received), 15: _source(specimen)}
    composer.add("OBR", fields)
    segments.notes(composer, report.notes)
    if report.order is not None and report.order.priority and to.since("2.5"):
        composer.add("TQ1", {1: "1", 9: codes.PRIORITY.get(report.order.priority, "")})


def _order(composer: Composer, order: Order) -> dict[int, Field]:
    """What OBR says of the order."""
    to = composer.recipient
    if order.accession is not None and order.accession.scope:
        composer.warn("OBR", 18, "the assigner of the accession number has no place")
    return {
        6: datatypes.start_of(order.occurrence),
        11: _REFLEX if order.intent == "reflex-order" else "",
        13: datatypes.lines(order.clinical_information or ""),
        16: [datatypes.xcn(each, later=to.since("2.7")) for each in order.requester],
        18: order.accession.value if order.accession else "",
        27: "" if to.since("2.5") else datatypes.at({6: codes.PRIORITY.get(order.priority or "", "")}),
        31: [segments.coded(composer, "OBR", 31, each) for each in order.reasons],
    }


def section(report: Report) -> str:
    """OBR-24, table 0074: who reports; empty when none is named."""
    found = (coding.code for concept in report.category for coding in concept.codings)
    return next((code for code in found if code), "")


def _source(specimen: Specimen) -> Repetition:
    """OBR-15 (SPS) of old versions: codes in subcomponents."""
    first = next(iter(specimen.type.codings), None) if specimen.type else None
    site = next(iter(specimen.body_site.codings), None) if specimen.body_site else None
    if specimen.type and not first:
        return datatypes.at({3: specimen.type.text})
    return datatypes.at({1: _subcomponents(first), 4: _subcomponents(site)})


def _subcomponents(coding: Coding | None) -> tuple[str, ...]:
    if coding is None:
        return ()
    return (coding.code or "", coding.display or "", codes.coding_system(coding))


def obx(composer: Composer, measurement: Measurement, ordinal: int, *, report: Report) -> None:
    """OBX: one result with its own type, unit, digits and status; and the comments on it.

    OBX-14 is written where it differs from OBR-7.

    Raises:
        Refused: its status is unknown. OBX-11 must say one, and an empty one would be read as the report's.
    """
    to = composer.recipient
    written = values.write(measurement, to)
    if written.mixed:
        composer.warn("OBX", 5, "values of several types stand together: they were written as text")
    if isinstance(measurement.value, Concept):
        segments.coded(composer, "OBX", 5, measurement.value)
    status = _status(measurement)
    if not status:
        raise composer.refusal("OBX", 11, "the result's status is unknown, and OBX-11 has to say one")
    own_time = measurement.effective if measurement.effective != report.effective else None
    people = [each for each in measurement.performers if isinstance(each, Practitioner)]
    fields: dict[int, Field] = {
        1: str(ordinal),
        2: written.kind,
        3: segments.coded(composer, "OBX", 3, measurement.code),
        4: measurement.sub_id or "",
        5: written.value,
        6: written.unit,
        7: [each.text for each in measurement.reference_ranges],
        8: [flag(each) for each in measurement.interpretations],
        10: [_first_code(each) for each in measurement.nature_of_abnormality],
        11: status,
        14: datatypes.start_of(own_time),
        16: [datatypes.xcn(each, later=to.since("2.7")) for each in people],
        17: segments.coded(composer, "OBX", 17, measurement.method),
        18: datatypes.ei(measurement.device),
        19: datatypes.dtm(measurement.analysed),
        20: segments.coded(composer, "OBX", 20, measurement.body_site),
        21: next((datatypes.ei(each) for each in measurement.identifiers), ""),
        29: next((_first_code(each) for each in measurement.category), ""),
    }
    composer.add("OBX", fields | _laboratory(measurement, to))
    segments.notes(composer, measurement.notes)


def _status(measurement: Measurement) -> str:
    if measurement.promotes:
        return codes.FINAL_UNSENT
    if measurement.status == "final" and measurement.absent_reason == "not-asked":
        return codes.NOT_ASKED
    return codes.OBSERVATION_STATUS.get(measurement.status, "")


def _laboratory(measurement: Measurement, to: Recipient) -> dict[int, Field]:
    """OBX-23 with OBX-24 from v2.5.1 on, a second organization and all before in OBX-15."""
    organizations = [each for each in measurement.performers if isinstance(each, Organization)]
    if not organizations:
        return {}
    if not to.since("2.5.1"):
        return {15: _producer(organizations[0])}
    first, *further = organizations
    fields: dict[int, Field] = {
        23: datatypes.xon(first, later=True),
        24: next((datatypes.xad(each) for each in first.addresses), ""),
    }
    return fields | ({15: _producer(further[0])} if further else {})


def _producer(organization: Organization) -> Repetition:
    identifier = next(iter(organization.identifiers), None)
    if identifier is None:
        return ("", organization.name or "")
    system = Coding(identifier.value, identifier.system)
    return (identifier.value, organization.name or "", codes.coding_system(system))


def flag(concept: Concept) -> str:
    """OBX-8: a code of table 0078, or the flag as it was sent."""
    code = next(
        (each.code for each in concept.codings if each.code and tables.interpretation(each.code)), None
    )
    return code or datatypes.words(concept.text or _first_code(concept))


def _first_code(concept: Concept) -> str:
    return next((each.code for each in concept.codings if each.code), concept.text or "")


def status_of(report: Report) -> str:
    """Table 0085 for what stands for a whole report; empty when its status is unknown."""
    return codes.OBSERVATION_STATUS.get(_OF_REPORT.get(report.status, report.status), "")


def _document(composer: Composer, held: Document, *, report: Report, ordinal: int, sub_id: str) -> None:
    """OBX of type ED: a document in Base64."""
    if not status_of(report):
        raise composer.refusal("OBX", 11, "the report's status is unknown, and OBX-11 has to say one")
    kind, _, subtype = held.media_type.partition("/")
    composer.add(
        "OBX",
        {
            1: str(ordinal),
            2: "ED",
            3: segments.coded(composer, "OBX", 3, report.code),
            4: sub_id,
            5: ("", kind, subtype, "Base64", base64.b64encode(held.content).decode("ascii")),
            11: status_of(report),
            14: datatypes.start_of(report.effective),
        },
    )


#: A report's status in the words for results.
_OF_REPORT: Final = {"appended": "amended", "partial": "preliminary"}


def documents(composer: Composer, held: Sequence[Document], *, report: Report, after: int) -> None:
    """All documents of a report, behind its first `after` OBX."""
    for number_, each in enumerate(held, start=1):
        _document(composer, each, report=report, ordinal=after + number_, sub_id=f"D{number_}")
