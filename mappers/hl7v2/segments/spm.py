"""SPM: specimens; and OBR-15, which said the same before v2.5.

Standard: v2-to-FHIR 1.0.0 SPM[Specimen], OBR[Specimen], SPS[Specimen-Source].
"""

from __future__ import annotations

from dataclasses import replace

from mappers.domain.identifiers import Identifier, Identity
from mappers.domain.orders import Note
from mappers.domain.results import Container, Specimen
from mappers.domain.times import Moment, Period
from mappers.hl7v2 import tables
from mappers.hl7v2.datatypes import codes, identifiers, numbers, times
from mappers.hl7v2.elements import Element, SegmentReader


def read(
    spm: SegmentReader,
    *,
    identity: Identity,
    notes: tuple[Note, ...] = (),
    containers: tuple[Container, ...] = (),
) -> Specimen:
    """A specimen; `containers` are those of SAC."""
    description = spm.text(14)
    accession = spm.first(30)
    own = (Note(description, spm.label),) if description else ()
    return Specimen(
        identity=identity,
        identifiers=_identifiers(spm),
        accession=identifiers.cx(accession, kind="ACSN") if accession.valued else None,
        type=codes.cwe(spm.first(4), tables.specimen_type),
        collected=_collected(spm.first(17)),
        received=times.dtm(spm.first(18)),
        method=codes.cwe(spm.first(7), tables.specimen_collection_method),
        body_site=codes.cwe(spm.first(8), tables.body_site),
        conditions=tuple(
            found for each in spm.all(24) if (found := codes.cwe(each, tables.specimen_condition))
        ),
        quantity=numbers.cq(spm.first(12)),
        notes=(*own, *notes),
        parents=tuple(number for each in spm.all(3) for number in _numbers(each)),
        status=_status(spm.first(20)),
        containers=_containers(spm, containers),
        origin=spm.label,
    )


def of_order(obr: SegmentReader, *, identity: Identity) -> Specimen | None:
    """The specimen that an OBR describes (OBR-15, withdrawn in v2.7); None when it names no source."""
    source = obr.first(15)
    if not any(source.peek(n) for n in (1, 3, 4)):
        return None
    text, comment = source.text(3), obr.text(39)
    notes = tuple(Note(each, obr.label) for each in (text, comment) if each)
    # SPS.1 and SPS.4 are codes with subcomponents; a bare word in SPS.1 is a code of table 0070.
    return Specimen(
        identity=identity,
        type=codes.cwe(source.part(1), tables.specimen_type),
        collected=_between(obr.first(7), obr.first(8)),
        received=times.dtm(obr.first(14)),
        body_site=codes.cwe(source.part(4), tables.body_site),
        quantity=numbers.cq(obr.first(9)),
        notes=notes,
        origin=obr.label,
    )


def _identifiers(spm: SegmentReader) -> tuple[Identifier, ...]:
    found: list[Identifier] = []
    for each in spm.all(2):
        found += _numbers(each)
    found += [number for each in spm.all(31) if (number := identifiers.cx(each))]
    shipment = identifiers.ei(spm.first(32), kind="SHIP")
    return (*found, *([shipment] if shipment else []))


def _numbers(pair: Element) -> list[Identifier]:
    """The placer's and the filler's number of a specimen."""
    return [number for number in identifiers.eip(pair, placer="PGN", filler="FGN") if number]


def _status(element: Element) -> str | None:
    """SPM-20 (table 0136)."""
    code = element.peek(1)
    status = tables.specimen_status(code) if code else None
    if status:
        element.take(1)
    return status


def _containers(spm: SegmentReader, known: tuple[Container, ...]) -> tuple[Container, ...]:
    """What SPM says of the container (type, additive) holds for each; alone it is one."""
    kind = codes.cwe(spm.first(27)) if spm.valued(27) else None
    known_additive = any(each.additive for each in known)
    additive = codes.cwe(spm.first(6)) if spm.valued(6) and not known_additive else None
    if not (kind or additive):
        return known
    if not known:
        return (Container(type=kind, additive=additive, origin=spm.label),)
    return tuple(replace(each, type=kind, additive=each.additive or additive) for each in known)


def _collected(element: Element) -> Moment | Period | None:
    period = times.dr(element)
    return period.start if period and period.end is None else period


def _between(start: Element, end: Element) -> Moment | Period | None:
    first, last = times.dtm(start), times.dtm(end)
    return Period(first, last) if last else first
