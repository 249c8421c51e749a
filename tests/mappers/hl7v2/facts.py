"""What a message says, as JSON to compare: domain objects without what is empty.

`python -m tests.mappers.hl7v2.facts fixtures/oru_r01/NAME.hl7` prints what is read today. Look at it line by line
before you keep it as NAME.facts.json.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from mappers.domain.channels import Channel
from mappers.domain.coding import Coding, Concept
from mappers.domain.identifiers import Identifier, Identity
from mappers.domain.issues import Mapped
from mappers.domain.results import Quantity, Report, Standing
from mappers.domain.times import Moment, TimeOfDay
from mappers.hl7v2 import messages
from mappers.hl7v2.segments import msh
from mappers.hl7v2.structures import Reading
from mappers.hl7v2.tokens import parse

WIDTH = 160
#: What a message source knows of the bytes, not of the message.
OF_BYTES = {"sha256", "size"}
#: A feed whose zone has daylight saving and is nobody's default.
CHANNEL = Channel(
    "laboratory",
    time_zone=ZoneInfo("Australia/Lord_Howe"),
    assigners={"WARDHOSP": "urn:oid:2.16.840.1.113883.19.5.1"},
    code_systems={"L": "http://laboratory.example/codes"},
)


def read(raw: bytes | str, channel: Channel = CHANNEL) -> Mapped[Reading]:
    """Read a message as the worker does."""
    data = raw.encode() if isinstance(raw, str) else raw
    message = parse(data, channel=channel).value
    source = msh.source(message, channel=channel, sha256="0" * 64, size=len(data))
    return messages.read(message, channel=channel, source=source)


def facts(value: Any) -> Any:
    """A domain object as plain JSON in a short notation, what is empty left out.

    `5.90 mmol/L [mmol/L]` is a quantity with its UCUM code, `718-7|http://loinc.org|Hemoglobin` a coding,
    `17@LIS (FILL)` an identifier, `Observation|LIS|17|…` an identity by its parts.
    """
    short = _short(value)
    if short is not None:
        return short
    if dataclasses.is_dataclass(value):
        names = [each.name for each in dataclasses.fields(value) if each.name not in OF_BYTES]
        pairs = ((name, facts(getattr(value, name))) for name in names)
        found = {name: fact for name, fact in pairs if fact not in (None, "", [], {})}
        for name in _RARE & found.keys():
            if found[name] is False:
                del found[name]
        if isinstance(value, Report):
            found["measurements"] = [_own(each, found) for each in found.get("measurements", [])]
        return found
    if isinstance(value, list | tuple):
        return [facts(each) for each in value]
    return value


#: What is told only where it is so.
_RARE = {"promotes", "complete"}


def _own(measurement: dict[str, Any], report: dict[str, Any]) -> dict[str, Any]:
    """What a result does not have from its report."""
    inherited = {"standing", "effective", "issued"}
    return {
        name: fact
        for name, fact in measurement.items()
        if not (name in inherited and fact == report.get(name))
    }


def _short(value: Any) -> str | None:
    match value:
        case Moment() | TimeOfDay():
            return value.text
        case Standing():
            return f"{value.rank}|{value.at}|{value.order}"
        case bytes():
            return f"{len(value)} bytes {hashlib.sha256(value).hexdigest()[:8]}"
        case Identity():
            return "|".join((value.kind, *(part.replace("\x0e", "#") for part in value.parts)))
        case Quantity():
            number = f"{value.comparator or ''}{value.value or ''}"
            return " ".join(part for part in (number, value.unit, value.code and f"[{value.code}]") if part)
        case Coding():
            parts = (value.code, value.system, value.display, value.version)
            return "|".join(part or "" for part in parts).rstrip("|")
        case Concept():
            words = [f'"{value.text}"'] if value.text else []
            return " = ".join([*(facts(each) for each in value.codings), *words])
        case Identifier():
            kind = f" ({value.type.codings[0].code})" if value.type else ""
            return f"{value.value}@{value.scope}{kind}"
    return None


def told(reading: Mapped[Reading]) -> dict[str, Any]:
    """Reports, ledger and issues of a message."""
    return {
        "lab_reports": facts(reading.value.lab_reports),
        "ledger": [
            " ".join((row.segment, row.disposition.value, *row.unmapped)) for row in reading.value.ledger.rows
        ],
        "issues": [f"{each.severity} {each.code} {each.location}" for each in reading.issues],
    }


def encode(value: Any, indent: str = "") -> str:
    """JSON that breaks lines only where they get long."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + len(indent) <= WIDTH or not isinstance(value, list | dict):
        return line
    deeper = indent + "  "
    if isinstance(value, list):
        items = [encode(each, deeper) for each in value]
    else:
        items = [f"{json.dumps(name)}: {encode(each, deeper)}" for name, each in value.items()]
    opening, closing = "[]" if isinstance(value, list) else "{}"
    return f"{opening}\n" + ",\n".join(deeper + item for item in items) + f"\n{indent}{closing}"


if __name__ == "__main__":
    sys.stdout.write(encode(told(read(Path(sys.argv[1]).read_bytes()))) + "\n")
