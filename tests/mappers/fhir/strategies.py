"""Hypothesis strategies: whole laboratory reports, as odd as the domain allows."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import strategies as st

from mappers.domain.attribution import MessageSource
from mappers.domain.coding import LOINC, SNOMED_CT, UCUM, Coding, Concept
from mappers.domain.identifiers import Identifier, Identity
from mappers.domain.orders import Note, Order
from mappers.domain.people import (
    Address,
    ContactPoint,
    Organization,
    Patient,
    PersonName,
    Practitioner,
    Visit,
)
from mappers.domain.results import (
    LabReport,
    Measurement,
    Quantity,
    Range,
    Ratio,
    ReferenceRange,
    Report,
    SampledData,
    Specimen,
    standing,
)
from mappers.domain.times import Moment, Period, TimeOfDay

OBSERVATION_STATUSES = (
    "registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown",
)  # fmt: skip
REPORT_STATUSES = (*OBSERVATION_STATUSES, "partial", "appended")
ABSENT_REASONS = ("unknown", "not-asked", "error", "not-a-number", "unsupported", "not-performed")

#: Text with what makes trouble: control characters, blanks of all kinds, markup, HL7 delimiters.
texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", " ", "\u00a0", "\x00", "a\x0bb", " x ", "<b>&\"'", "^~\\&|", "\ufeff", "línea\nuno", "\ufffe"]
    ),
)
some_text = st.one_of(st.none(), texts)
systems = st.sampled_from(
    [None, LOINC, SNOMED_CT, UCUM, "urn:oid:1.2.3", "urn:oid:abc", "urn:uuid:x", "http://lab.example/a b",
     "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "urn:ietf:rfc:3986", " "]
)  # fmt: skip
codes = st.one_of(
    texts, st.sampled_from(["718-7", "718-8", "H", "N", "ZZ", "mg/dL", "a  b", "LP29684-5", "1"])
)


def few(strategy: st.SearchStrategy, most: int = 2) -> st.SearchStrategy:
    """A short tuple."""
    return st.lists(strategy, max_size=most).map(tuple)


def maybe(strategy: st.SearchStrategy) -> st.SearchStrategy:
    """One or none."""
    return st.one_of(st.none(), strategy)


@st.composite
def moments(draw: st.DrawFn) -> Moment:
    """A FHIR dateTime of any precision."""
    day = date(1900, 1, 1) + timedelta(days=draw(st.integers(0, 60_000)))
    text = day.isoformat()[: draw(st.sampled_from([4, 7, 10]))]
    if len(text) == 10 and draw(st.booleans()):
        clock = f"{draw(st.integers(0, 23)):02}:{draw(st.integers(0, 59)):02}:{draw(st.integers(0, 59)):02}"
        fraction = draw(st.sampled_from(["", ".5", ".123456", ".0000"]))
        offset = draw(st.sampled_from(["Z", "+00:00", "-05:00", "+14:00", "-13:59", "+05:45"]))
        text = f"{text}T{clock}{fraction}{offset}"
    return Moment(text)


periods = st.builds(Period, start=moments(), end=maybe(moments()))
codings = st.builds(Coding, code=codes.filter(bool), system=systems, display=some_text, version=some_text)
concepts = st.one_of(
    st.builds(Concept, codings=st.lists(codings, min_size=1, max_size=3).map(tuple), text=some_text),
    st.builds(Concept, text=texts.filter(bool)),
)
identifiers = st.builds(
    Identifier,
    texts.filter(bool),
    system=systems,
    assigner=some_text,
    type=maybe(concepts),
    period=maybe(periods),
)
identifiers = st.one_of(
    identifiers, st.builds(Identifier, st.just("urn:oid:1.2"), st.just("urn:ietf:rfc:3986"))
)
names = st.builds(
    PersonName,
    family=some_text, given=few(texts), prefix=few(texts), suffix=few(texts), text=some_text,
    use=st.sampled_from([None, "official", "maiden", "old"]), period=maybe(periods),
)  # fmt: skip
addresses = st.builds(
    Address,
    lines=few(texts), city=some_text, district=some_text, state=some_text, postal_code=some_text,
    country=some_text, use=st.sampled_from([None, "home", "work", "billing"]),
    type=st.sampled_from([None, "postal"]), period=maybe(periods),
)  # fmt: skip
telecoms = st.builds(
    ContactPoint,
    texts,
    system=st.sampled_from([None, "phone", "email"]),
    use=st.sampled_from([None, "home", "mobile"]),
)
organizations = st.builds(
    Organization, name=some_text, identifiers=few(identifiers), addresses=few(addresses)
)
practitioners = st.builds(Practitioner, names=few(names), identifiers=few(identifiers))
performers = st.one_of(practitioners, organizations)

numbers = st.one_of(
    st.from_regex(r"-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,12})?", fullmatch=True),
    st.from_regex(r"-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,3})?[eE][+-]?[0-9]{1,2}", fullmatch=True),
)
comparators = st.sampled_from([None, None, "<", "<=", ">=", ">"])
units = st.sampled_from([None, "mg/dL", "10*3/uL", "K/uL", "mmHg", "not a unit", "a  b", "µg", ""])
quantities = st.builds(Quantity, maybe(numbers), comparator=comparators, unit=some_text, code=units)
ranges = st.builds(Range, low=maybe(quantities), high=maybe(quantities))
values = st.one_of(
    quantities,
    ranges,
    st.builds(Ratio, quantities, quantities),
    st.builds(
        SampledData,
        st.lists(st.one_of(numbers, st.just("E")), min_size=1, max_size=5).map(" ".join),
        dimensions=st.integers(1, 4),
        unit=maybe(quantities),
    ),
    concepts,
    texts,
    moments(),
    st.sampled_from(["00:00:00", "23:59:59.5"]).map(TimeOfDay),
    periods,
)
labels = st.integers(1, 9)
notes = st.builds(
    Note, texts, origin=labels.map("NTE[{}]".format), author=maybe(practitioners), time=maybe(moments())
)


def identities(kind: str) -> st.SearchStrategy:
    """Identities of this kind; so few that they meet."""
    return st.integers(1, 40).map(lambda number: Identity(kind, ("urn:oid:1.2", str(number))))


sources = st.builds(
    MessageSource,
    control_id=texts, trigger=st.just("ORU^R01"), version=st.just("2.5.1"), sent_at=maybe(moments()),
    sha256=st.binary(min_size=32, max_size=32).map(bytes.hex), size=st.integers(0, 9999),
    sending_application=some_text, sending_facility=some_text, receiving_application=some_text,
    receiving_facility=some_text, processing_id=st.sampled_from([None, "P", "T", "D^T", "?"]),
    security=few(codings), kept=few(st.tuples(labels.map("ZPI[{}]".format), texts)),
)  # fmt: skip
patients = st.builds(
    Patient,
    maybe(identities("Patient")),
    identifiers=few(identifiers), names=few(names), telecoms=few(telecoms), addresses=few(addresses),
    gender=st.sampled_from([None, "male", "female", "other", "unknown"]),
    birth_date=st.one_of(st.none(), moments().map(lambda moment: moment.date), st.just("soon")),
    birth_time=maybe(moments()), deceased=st.one_of(st.none(), st.booleans(), moments()),
    marital_status=maybe(concepts), multiple_birth=st.one_of(st.none(), st.booleans(), st.integers(1, 8)),
    languages=few(concepts), race=few(codings), ethnicity=few(codings), account=maybe(identifiers),
)  # fmt: skip
visits = st.builds(
    Visit,
    identities("Encounter"),
    encounter_class=maybe(codings), status=st.sampled_from(["unknown", "finished", "in-progress"]),
    identifiers=few(identifiers), period=maybe(periods), attending=few(practitioners),
    referring=few(practitioners), location=some_text, service=maybe(concepts),
)  # fmt: skip
orders = st.builds(
    Order,
    identities("ServiceRequest"),
    status=st.sampled_from(["active", "revoked", "completed", "unknown"]),
    intent=st.sampled_from(["order", "reflex-order"]), identifiers=few(identifiers),
    requisition=maybe(identifiers), accession=maybe(identifiers), code=maybe(concepts), category=few(concepts),
    priority=st.sampled_from([None, "stat", "routine"]), authored_on=maybe(moments()), occurrence=maybe(moments()),
    requester=few(practitioners), reasons=few(concepts), clinical_information=some_text, notes=few(notes),
    origins=st.sampled_from([(), ("OBR[1]",), ("ORC[1]", "OBR[1]", "TQ1[1]")]),
)  # fmt: skip
specimens = st.builds(
    Specimen,
    identities("Specimen"),
    identifiers=few(identifiers), accession=maybe(identifiers), type=maybe(concepts),
    collected=st.one_of(st.none(), moments(), periods), received=maybe(moments()), method=maybe(concepts),
    body_site=maybe(concepts), conditions=few(concepts), quantity=maybe(quantities), notes=few(notes),
)  # fmt: skip


@st.composite
def measurements(draw: st.DrawFn) -> Measurement:
    """One result with or without a value."""
    status = draw(st.sampled_from(OBSERVATION_STATUSES))
    return draw(
        st.builds(
            Measurement,
            identities("Observation"), concepts, st.just(status),
            standing=moments().map(lambda at: standing(status, at)),
            value=maybe(values), absent_reason=st.sampled_from([None, *ABSENT_REASONS]),
            components=st.one_of(st.just(()), few(values, 3)), unit=maybe(quantities), interpretations=few(concepts),
            reference_ranges=few(st.builds(ReferenceRange, texts, low=maybe(quantities), high=maybe(quantities))),
            effective=st.one_of(st.none(), moments(), periods), issued=maybe(moments()), analysed=maybe(moments()),
            method=maybe(concepts), body_site=maybe(concepts), device=maybe(identifiers),
            performers=few(performers), identifiers=few(identifiers), nature_of_abnormality=few(concepts),
            category=few(concepts), notes=few(notes), specimen=maybe(identities("Specimen")), sub_id=some_text,
            origins=labels.map(lambda number: (f"OBX[{number}]",)),
        )
    )  # fmt: skip


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """One order's results."""
    status = draw(st.sampled_from(REPORT_STATUSES))
    section = st.sampled_from(["HM", "RAD", "EC", "OTH", "LAB", "?"]).map(
        lambda code: Concept((Coding(code, "http://terminology.hl7.org/CodeSystem/v2-0074"),))
    )
    return draw(
        st.builds(
            Report,
            identities("DiagnosticReport"), concepts, st.just(status),
            standing=moments().map(lambda at: standing(status, at)),
            identifiers=few(identifiers), category=few(st.one_of(concepts, section)), order=maybe(orders),
            effective=st.one_of(st.none(), moments(), periods), issued=maybe(moments()),
            performers=few(performers), interpreters=few(practitioners),
            measurements=st.lists(measurements(), max_size=3).map(tuple), specimens=few(specimens),
            notes=few(notes), conclusion=some_text,
            origins=st.sampled_from([("OBR[1]",), ("ORC[1]", "OBR[1]")]),
        )
    )  # fmt: skip


lab_reports = st.builds(
    LabReport,
    sources, maybe(patients), visit=maybe(visits), reports=few(reports()), loose=few(measurements(), 1),
    patient_notes=few(notes),
)  # fmt: skip
