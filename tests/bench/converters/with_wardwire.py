"""Wardwire: map, validate, write the Bundle as JSON."""

from timing import report

from integration.flows.convert import convert
from mappers.domain.attribution import Software
from mappers.domain.channels import Channel
from mappers.domain.times import Moment
from mappers.fhir import r4

CHANNEL = Channel("bench")
SOFTWARE = Software("Wardwire", "bench")
RECORDED = Moment("2026-11-22T08:30:01Z")


def to_json(message):
    """One transaction Bundle. Every resource is validated before it is written."""
    conversion = convert(message, channel=CHANNEL, software=SOFTWARE, recorded=RECORDED)
    if conversion.written is None:
        return None
    return r4.encode(conversion.written.bundle()).decode()


report(to_json)
