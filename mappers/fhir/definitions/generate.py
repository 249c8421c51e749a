"""Writes r4.json, the part of FHIR R4 4.0.1 that Wardwire holds itself to, from HL7's published definitions.

    python -m mappers.fhir.definitions.generate FOLDER

FOLDER holds the files of the specification's definitions.json.zip: profiles-resources.json,
profiles-types.json, valuesets.json and v3-codesystems.json (FHIR specification, CC0). Run by hand when the
list of types grows; its output is committed, so that nobody needs the 50 MB to build or to test.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

Json = dict[str, Any]

#: The resource types that Wardwire writes or reads closely enough to judge.
RESOURCES = (
    "AuditEvent", "Basic", "Binary", "Bundle", "CapabilityStatement", "Device", "DiagnosticReport",
    "DocumentReference", "Encounter", "Endpoint", "ImagingStudy", "Location", "Media", "Observation",
    "OperationOutcome", "Organization", "Parameters", "Patient", "Practitioner", "PractitionerRole",
    "Provenance", "ServiceRequest", "Specimen", "Subscription", "Task",
)  # fmt: skip
#: Code systems small and closed enough to refuse a code that they do not have.
SYSTEMS = (
    "http://terminology.hl7.org/CodeSystem/data-absent-reason",
    "http://terminology.hl7.org/CodeSystem/observation-category",
    "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
)
#: Types whose definition has no elements of its own to walk into.
ABSTRACT = frozenset({"Resource", "BackboneElement", "Element"})
PROFILE = "http://hl7.org/fhir/StructureDefinition/"
FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
VERSION = "4.0.1"


class Terminology:
    """Expands the value sets of required bindings that are finite."""

    def __init__(self, *bundles: Json) -> None:
        resources = [entry["resource"] for bundle in bundles for entry in bundle["entry"]]
        self._value_sets = {r["url"]: r for r in resources if r["resourceType"] == "ValueSet"}
        self._code_systems = {r["url"]: r for r in resources if r["resourceType"] == "CodeSystem"}

    def expand(self, url: str) -> list[tuple[str, str]] | None:
        """(system, code) pairs, or None when the set is not finite: languages, MIME types, UCUM."""
        value_set = self._value_sets.get(url.partition("|")[0])
        if value_set is None or "exclude" in value_set["compose"]:
            return None
        pairs: list[tuple[str, str]] = []
        for include in value_set["compose"]["include"]:
            found = self._included(include)
            if not found:
                return None
            pairs += found
        return sorted(set(pairs))

    def _included(self, include: Json) -> list[tuple[str, str]] | None:
        if "filter" in include:
            return None
        if "valueSet" in include:
            nested = [self.expand(url) for url in include["valueSet"]]
            return None if None in nested else [pair for found in nested for pair in found or []]
        system = include["system"]
        if "concept" in include:
            return [(system, concept["code"]) for concept in include["concept"]]
        return [(system, code) for code in self.codes_of(system)] or None

    def codes_of(self, system: str) -> list[str]:
        """All codes of a code system, none where the definitions do not hold it whole."""
        code_system = self._code_systems.get(system)
        if code_system is None or code_system.get("content") != "complete":
            return []
        return _codes(code_system.get("concept", []))


def _codes(concepts: list[Json]) -> list[str]:
    return [code for concept in concepts for code in (concept["code"], *_codes(concept.get("concept", [])))]


def _type_name(declared: Json) -> str:
    """`http://hl7.org/fhirpath/System.String` stands for the FHIR type named in an extension."""
    if PROFILE + "SimpleQuantity" in declared.get("profile", []):
        return "SimpleQuantity"
    for extension in declared.get("extension", []):
        if extension["url"] == FHIR_TYPE:
            return str(extension.get("valueUrl") or extension.get("valueUri"))
    return str(declared["code"])


def _element(definition: Json, declared: Json, *, terminology: Terminology, codes: Json) -> Json:
    """One element of one type."""
    name = _type_name(declared)
    element: Json = {"type": name}
    if definition["min"]:
        element["min"] = definition["min"]
    if definition["max"] != "1":
        element["max"] = definition["max"]
    if name == "Reference" and "targetProfile" in declared:
        targets = sorted(url.removeprefix(PROFILE) for url in declared["targetProfile"])
        if "Resource" not in targets:
            element["targets"] = targets
    binding = definition.get("binding", {})
    if binding.get("strength") == "required" and name in {"code", "Coding", "CodeableConcept"}:
        pairs = terminology.expand(binding["valueSet"])
        if pairs:
            key = binding["valueSet"].partition("|")[0].rpartition("/")[2]
            if name == "code":
                codes[key] = sorted({code for _, code in pairs})
            else:
                key = f"{key}|systems"
                codes[key] = [f"{system}|{code}" for system, code in pairs]
            element["codes"] = key
    return element


def _elements(structure: Json, *, terminology: Terminology, codes: Json) -> dict[str, Json]:
    """The type and its backbone elements: path -> element name -> what it may hold."""
    first, *definitions = structure["snapshot"]["element"]
    root, own = first["path"], structure["name"]  # SimpleQuantity speaks of itself as Quantity
    shapes: dict[str, Json] = {own: {}}
    for definition in definitions:
        path, _, name = definition["path"].rpartition(".")
        holder = shapes.setdefault(own + path.removeprefix(root), {})
        if definition["max"] == "0":
            continue
        if "contentReference" in definition:
            holder[name] = {"type": definition["contentReference"].removeprefix("#"), "max": "*"}
            continue
        for declared in definition["type"]:
            element = _element(definition, declared, terminology=terminology, codes=codes)
            if element["type"] in {"BackboneElement", "Element"}:
                element["type"] = definition["path"]
            if name.endswith("[x]"):
                stem, element["choice"] = name[:-3], name
                branch = "Quantity" if element["type"] == "SimpleQuantity" else element["type"]
                holder[stem + branch[0].upper() + branch[1:]] = element
            else:
                holder[name] = element
    if structure["kind"] == "resource":
        shapes[structure["name"]]["id"] = {"type": "id"}
    return shapes


def generate(folder: Path) -> Json:
    """The table: `types` by name, `codes` by value set, `systems` by URI."""

    def read(name: str) -> Json:
        loaded: Json = json.loads((folder / name).read_text(encoding="utf-8"))
        return loaded

    terminology = Terminology(read("valuesets.json"), read("v3-codesystems.json"))
    structures = {
        entry["resource"]["name"]: entry["resource"]
        for name in ("profiles-resources.json", "profiles-types.json")
        for entry in read(name)["entry"]
        if entry["resource"]["resourceType"] == "StructureDefinition"
    }
    types: Json = {}
    codes: Json = {}
    pending = list(RESOURCES)
    while pending:
        name = pending.pop()
        structure = structures.get(name)
        if name in types or name in ABSTRACT or structure is None or structure["kind"] == "primitive-type":
            continue
        shapes = _elements(structure, terminology=terminology, codes=codes)
        types.update(shapes)
        pending += [element["type"] for shape in shapes.values() for element in shape.values()]
    systems = {system: sorted(set(terminology.codes_of(system))) for system in SYSTEMS}
    return {
        "version": VERSION, "resources": list(RESOURCES),
        "types": types, "codes": codes, "systems": systems,
    }  # fmt: skip


def main() -> None:
    """Write r4.json beside this file, one type or value set a line."""
    table = generate(Path(sys.argv[1]))
    lines = [f'"version": "{table["version"]}"', f'"resources": {json.dumps(table["resources"])}']
    for part in ("types", "codes", "systems"):
        rows = [
            f"{json.dumps(name)}: {json.dumps(table[part][name], separators=(',', ':'))}"
            for name in sorted(table[part])
        ]
        lines.append(f'"{part}": {{\n' + ",\n".join(rows) + "\n}")
    target = Path(__file__).with_name("r4.json")
    target.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
