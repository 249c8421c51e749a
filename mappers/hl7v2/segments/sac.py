"""SAC: the container of a specimen.

The guide maps no field of SAC; FHIR R4 has a place for its number and for one additive
(`Specimen.container`). All else, which an analyser needs and a chart does not, is kept.
"""

from __future__ import annotations

from mappers.domain.results import Container
from mappers.hl7v2.datatypes import codes, identifiers
from mappers.hl7v2.elements import SegmentReader


def read(sac: SegmentReader) -> Container | None:
    """The container; None (and nothing taken) when it has no number."""
    number = identifiers.ei(sac.first(3))
    if number is None:
        return None
    additive = codes.cwe(sac.first(27)) if sac.valued(27) else None
    return Container((number,), additive=additive, origin=sac.label)
