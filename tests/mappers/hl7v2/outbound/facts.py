"""Messages read, and what two readings must have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from mappers.domain.channels import Channel
from mappers.domain.identifiers import Identity
from mappers.domain.results import LabReport
from mappers.domain.times import Moment
from mappers.hl7v2 import oru_r01, tokens
from mappers.hl7v2.segments import msh

FIXTURES = Path(__file__).parents[4] / "fixtures"
#: Order numbers count within one scope, whoever passes them on.
CHANNEL = Channel("feed", order_assigner="urn:oid:1.2.3", time_zone=ZoneInfo("Europe/Rome"))
NOW = Moment("2026-11-22T10:00:00+00:00")
#: Where a fact stood, and how it ranks by a moment that the sender may not have said.
_ELSEWHERE = frozenset({"origin", "origins", "source", "standing"})
#: The order of people and their organizations is that of their fields.
_UNORDERED = frozenset({"performers"})


def read(raw: bytes) -> tuple[LabReport, ...]:
    """The reports of a message."""
    message = tokens.parse(raw, channel=CHANNEL).value
    source = msh.source(message, channel=CHANNEL, sha256="0" * 64, size=len(raw))
    return oru_r01.read(message, channel=CHANNEL, source=source).value.lab_reports


def fixture(name: str) -> tuple[LabReport, ...]:
    """The reports of a fixture."""
    return read((FIXTURES / name).read_bytes())


def facts(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every fact of a report with its path."""
    if isinstance(value, Identity):
        return  # compared on their own: a specimen of OBR-15 and one of SPM differ in it
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            if field.name not in _ELSEWHERE:
                held = getattr(value, field.name)
                if field.name in _UNORDERED:
                    held = tuple(sorted(held, key=repr))
                yield from facts(held, f"{path}.{field.name}")
    elif isinstance(value, tuple):
        for number, each in enumerate(value):
            yield from facts(each, f"{path}[{number}]")
    elif value is not None:
        yield path, value
