"""The `extracted-from` extension: where a fact stands that was read or judged (docs/fhir-extensions.md).

R4 has no element for a place on a page, in a picture, in a text or in a recording.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from mappers.domain.extraction import Span
from mappers.domain.findings import AudioInterval, ImageRegion, Place, TextQuote
from mappers.fhir.datatypes import text

Node = dict[str, Any]

EXTRACTED_FROM = "https://wardwire.org/fhir/StructureDefinition/extracted-from"
_EDGES = ("x0", "top", "x1", "bottom")
_MILLISECONDS = Decimal("0.001")


def place(where: Place, *, unit: str = "px", first: bool = True) -> Node:
    """The extension.

    Args:
        where: the place.
        unit: of a box on a page: "pt" or "px".
        first: whether the fact itself stands there, not what belongs to it.
    """
    holds: Node = {"url": "holds", "valueCode": "value" if first else "beside"}
    return {"url": EXTRACTED_FROM, "extension": [holds, *_parts(where, unit)]}


def _parts(where: Place, unit: str) -> list[Node]:
    match where:
        case Span():
            return [
                {"url": "page", "valuePositiveInt": where.page},
                *_box(where.bbox),
                {"url": "unit", "valueCode": unit},
                *_quote(where.quote),
            ]
        case ImageRegion():
            instance = where.sop_instance_uid
            return [
                *([{"url": "instance", "valueOid": f"urn:oid:{instance}"}] if instance else []),
                {"url": "frame", "valuePositiveInt": where.frame},
                *_box(where.box),
                {"url": "unit", "valueCode": "px"},
                *([{"url": "said", "valueString": said}] if (said := text(where.said)) else []),
            ]
        case TextQuote():
            return [
                {"url": "start", "valueUnsignedInt": where.start},
                {"url": "end", "valueUnsignedInt": where.end},
                *_quote(where.quote),
            ]
        case AudioInterval():
            return [
                {"url": "from", "valueDecimal": _seconds(where.start)},
                {"url": "to", "valueDecimal": _seconds(where.end)},
                *_quote(where.quote),
            ]


def _box(box: tuple[float, float, float, float]) -> list[Node]:
    return [
        {"url": name, "valueDecimal": Decimal(f"{edge:.2f}")} for name, edge in zip(_EDGES, box, strict=True)
    ]


def _seconds(value: float) -> Decimal:
    return Decimal(str(value)).quantize(_MILLISECONDS)


def _quote(words: str) -> list[Node]:
    shown = text(words)
    return [{"url": "quote", "valueString": shown}] if shown else []
