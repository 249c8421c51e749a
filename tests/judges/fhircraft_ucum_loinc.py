"""fhircraft, ucumvert and the LOINC check digit as judges. Imports nothing of this project."""

from __future__ import annotations

import json
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")

from fhircraft import R4  # noqa: E402
from ucumvert import get_ucum_parser  # noqa: E402

UCUM = get_ucum_parser()


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object inside."""
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(child)


def resources(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The document itself, and what a Bundle holds: fhircraft names the fault only there."""
    return [document] + [entry["resource"] for entry in document.get("entry", []) if "resource" in entry]


def has_check_digit(code: str) -> bool:
    """Mod 10 of the LOINC Users' Guide, written a second time."""
    digits, check = code.split("-")
    doubled = "".join(str(int(d) * 2) if i % 2 == 0 else d for i, d in enumerate(reversed(digits)))
    return (10 - sum(map(int, doubled)) % 10) % 10 == int(check)


def findings(document: dict[str, Any]) -> Iterator[str]:
    for resource in resources(document):
        try:
            getattr(R4, resource["resourceType"]).model_validate_json(json.dumps(resource))
        except Exception as error:  # noqa: BLE001  whatever it raises is its finding
            yield "fhircraft: " + re.sub(r"\s+", " ", str(error))[:300]
    for node in nodes(document):
        code = node.get("code")
        if not isinstance(code, str):
            continue
        if node.get("system") == "http://unitsofmeasure.org":
            try:
                UCUM.parse(code)
            except Exception:  # noqa: BLE001
                yield f"ucumvert: {code!r} is no UCUM unit"
        if (
            node.get("system") == "http://loinc.org"
            and re.fullmatch(r"\d+-\d", code)
            and not has_check_digit(code)
        ):
            yield f"loinc: {code} has a wrong check digit"


for folder in sys.argv[1:]:
    for file in sorted(Path(folder).glob("*.json")):
        for finding in findings(json.loads(file.read_text(encoding="utf-8"))):
            print(f"{file.name}: {finding}")
