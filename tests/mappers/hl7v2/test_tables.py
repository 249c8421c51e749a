"""Code tables: the published maps, our corrections and our policy, each where it can be seen."""

from __future__ import annotations

import codecs
import json
import os
from pathlib import Path

import pytest

from mappers.domain.coding import Coding
from mappers.hl7v2 import tables
from mappers.hl7v2.tables import MappedCode, corrections, generate, policy

PUBLISHED = json.loads(generate.GENERATED.read_text("utf-8"))


@pytest.mark.parametrize(
    ("codes", "status"),
    [
        ("A", "amended"),
        ("C", "corrected"),
        ("F", "final"),
        ("P", "preliminary"),
        ("DW", "entered-in-error"),
        ("X", "cancelled"),
    ],
)
def test_obx_11_as_published(codes: str, status: str) -> None:
    """Table 0085 where the guide has a target."""
    assert {MappedCode(status)} == {tables.observation_status(code) for code in codes}


@pytest.mark.parametrize(
    ("codes", "status"),
    [("B", "amended"), ("RS", "preliminary"), ("IO", "registered"), ("VU", "final")],
)
def test_obx_11_by_policy(codes: str, status: str) -> None:
    """Table 0085 where the guide is silent."""
    assert {MappedCode(status, policy=True)} == {tables.observation_status(code) for code in codes}


def test_not_asked_is_a_final_statement_without_value() -> None:
    """OBX-11 N."""
    assert MappedCode("final", "not-asked", policy=True) == tables.observation_status("N")


def test_every_code_of_obx_11_and_obr_25_is_decided() -> None:
    """All of table 0085; of 0123 all but Y and Z, which answer queries."""
    assert [] == [code for code in tables.codes("0085") if tables.observation_status(code) is None]
    assert {"Y", "Z"} == {code for code in tables.codes("0123") if tables.report_status(code) is None}


@pytest.mark.parametrize(
    ("code", "status", "ours"),
    [
        *(("O", "registered", False), ("I", "registered", False), ("S", "registered", False)),
        *(("P", "preliminary", False), ("C", "corrected", False), ("R", "partial", False)),
        *(("F", "final", False), ("X", "cancelled", False)),
        *(("A", "partial", True), ("M", "preliminary", True), ("N", "registered", True)),
    ],
)
def test_obr_25(code: str, status: str, *, ours: bool) -> None:
    """Table 0123, published and by policy."""
    assert MappedCode(status, policy=ours) == tables.report_status(code)


@pytest.mark.parametrize(
    ("code", "status"),
    [("CA", "revoked"), ("DC", "revoked"), ("RP", "revoked"), ("CM", "completed"), ("ER", "entered-in-error"),
     ("HD", "on-hold"), ("IP", "active"), ("SC", "active"), ("A", "active")],
)  # fmt: skip
def test_orc_5(code: str, status: str) -> None:
    """Table 0038."""
    found = tables.request_status_from_orc5(code)

    assert found is not None
    assert status == found.status


@pytest.mark.parametrize(
    ("code", "status"),
    [("NW", "active"), ("OC", "revoked"), ("CR", "revoked"), ("OH", "on-hold"), ("CA", "active"), ("RP", "active"),
     ("RU", "revoked"), ("DE", "entered-in-error"), ("RE", None), ("SC", None), ("??", None)],
)  # fmt: skip
def test_orc_1(code: str, status: str | None) -> None:
    """Table 0119: requests change nothing; what says nothing about the status maps to nothing."""
    found = tables.request_status_from_orc1(code)

    assert status == (found.status if found else None)


def test_unknown_codes_have_no_meaning() -> None:
    """None, for the reader to report; never a guess."""
    lookups = [tables.observation_status, tables.report_status, tables.request_status_from_orc5, tables.interpretation,
               tables.identifier_type, tables.sex, tables.patient_class, tables.name_use, tables.address_use,
               tables.address_type, tables.priority, tables.diagnostic_section, tables.marital_status,
               tables.specimen_type, tables.coding_system_uri, tables.ucum_alias]  # fmt: skip

    assert {None} == {lookup(code) for lookup in lookups for code in ("", "?", "no such code")}


def test_blanks_around_a_code_do_not_count() -> None:
    """The published table itself holds one (`< ` in 0078)."""
    assert tables.observation_status("F") == tables.observation_status(" F ")
    assert ("<", "Off scale low") == _code_and_display(tables.interpretation("<"))


@pytest.mark.parametrize("code", ["H", "LL", "A", "POS", "<", ">", "AC", "HM", "OBX", "QCF", "TOX"])
def test_interpretations_keep_their_code(code: str) -> None:
    """Table 0078 is v3-ObservationInterpretation code for code, retired ones too."""
    found = tables.interpretation(code)

    assert found is not None
    assert (code, "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation") == (
        found.code,
        found.system,
    )


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("LN", "http://loinc.org"),
        ("ln", "http://loinc.org"),
        ("SCT", "http://snomed.info/sct"),
        ("UCUM", "http://unitsofmeasure.org"),
        ("I10C", "http://hl7.org/fhir/sid/icd-10-cm"),
        ("HL70203", "http://terminology.hl7.org/CodeSystem/v2-0203"),
        ("2.16.840.1.113883.6.1", "http://loinc.org"),
        ("1.2.276.0.76", "urn:oid:1.2.276.0.76"),
        ("urn:oid:1.2.3", "urn:oid:1.2.3"),
        ("http://lab.example/codes", "http://lab.example/codes"),
        ("L", None),
        ("99LAB", None),
        ("99zzz", None),
        ("ISO+", None),
        ("ANS+", None),
        ("HL7nnnn", None),
        ("my codes", None),
        ("4.1", None),
    ],
)
def test_coding_systems(name: str, uri: str | None) -> None:
    """Table 0396, rules and OIDs; local names are the channel's business."""
    assert uri == tables.coding_system_uri(name)


def test_codes_of_people() -> None:
    """Sex, names, addresses, marital status, identifiers."""
    assert ["female", "male", "other", "unknown", "other", "other"] == [tables.sex(c) for c in "FMOUAN"]
    assert ["official", "official", "usual", "maiden", "nickname", "temp", "anonymous", "old", None] == [
        tables.name_use(c) for c in ("L", "R", "D", "M", "N", "TEMP", "MSK", "BAD", "P")
    ]
    assert ["home", "work", "work", "temp", "old", "billing", None] == [
        tables.address_use(c) for c in ("H", "B", "O", "C", "BA", "BI", "M")
    ]
    assert ["postal", "postal", None] == [tables.address_type(c) for c in ("M", "SH", "H")]
    assert ("MR", "Medical record number") == _code_and_display(tables.identifier_type("MR"))
    assert ("L", "Legally Separated") == _code_and_display(tables.marital_status("A"))


@pytest.mark.parametrize(
    ("use", "equipment", "expected"),
    [
        ("PRN", "PH", ("phone", "home")),
        ("WPN", "FX", ("fax", "work")),
        ("PRN", "CP", ("phone", "mobile")),
        ("", "CP", ("phone", "mobile")),
        ("NET", "Internet", ("email", None)),
        ("NET", "", ("email", None)),
        ("PRN", "", ("phone", "home")),
        ("BPN", "BP", ("pager", None)),
        ("ORN", "PH", ("phone", "home")),
        ("", "", (None, None)),
        ("?", "?", (None, None)),
    ],
)
def test_telecommunication(use: str, equipment: str, expected: tuple[str | None, str | None]) -> None:
    """System and use; a mobile phone is a use in FHIR, which the guide has wrong."""
    assert expected == tables.telecom(use, equipment)


def test_visits() -> None:
    """Class by v3-ActCode, else by the v2 table; status of a visit that has not ended."""
    assert ("EMER", "emergency") == _code_and_display(tables.patient_class("E"))
    assert [("IMP", "AMB", "PRENC", "R")] == [
        tuple(found.code for c in "IOPR" if (found := tables.patient_class(c)))
    ]
    assert ["in-progress", "planned", "unknown"] == [tables.encounter_status(c) for c in "IPU"]


def test_sections_and_priorities() -> None:
    """OBR-24 keeps its code; imaging is told from laboratory. OBR-5 and TQ1-9."""
    assert Coding(
        "RAD", "http://terminology.hl7.org/CodeSystem/v2-0074", "Radiology"
    ) == tables.diagnostic_section("RAD")
    assert [True, True, False, False] == [tables.is_imaging(c) for c in ("RAD", "CT", "HM", "LAB")]
    assert [] == [c for c in policy.IMAGING_SECTIONS if not tables.known("0074", c)]
    assert ["stat", "asap", "routine", None] == [tables.priority(c) for c in "SARP"]


def test_specimens_and_sites() -> None:
    """SPM-4, 7, 21, 24 and body sites."""
    assert ("BLD", "Whole blood") == _code_and_display(tables.specimen_type("BLD"))
    assert ("HEM", "Hemolyzed") == _code_and_display(tables.specimen_condition("HEM"))
    assert all(
        (
            tables.specimen_collection_method("FNA"),
            tables.specimen_reject_reason("RH"),
            tables.body_site("LA"),
        )
    )


def test_words_of_a_code() -> None:
    """For ERR-3."""
    assert ("Data type error", None) == (tables.display("0357", "102"), tables.display("0357", "999"))


def test_policy_adds_and_never_changes() -> None:
    """No row of ours stands where the published map has a target, and each has a reason."""
    own = {
        "observation_status": policy.OBSERVATION_STATUS,
        "report_status": policy.REPORT_STATUS,
        "order_status": policy.ORDER_STATUS,
        "order_control": policy.ORDER_CONTROL,
        "telecom_use": policy.TELECOM_USE,
    }

    assert {name: set() for name in own} == {
        name: set(rows) & set(PUBLISHED["codes"][name]) for name, rows in own.items()
    }
    assert not set(policy.INTERPRETATION) & set(PUBLISHED["codings"]["interpretation"])
    assert all(row.reason for rows in own.values() for row in rows.values())


def test_our_targets_are_fhir_codes() -> None:
    """Policy targets are members of the value sets that FHIR requires."""
    for name, rows in (
        ("observation_status", policy.OBSERVATION_STATUS),
        ("report_status", policy.REPORT_STATUS),
        ("order_status", policy.ORDER_STATUS),
        ("order_control", policy.ORDER_CONTROL),
        ("telecom_use", policy.TELECOM_USE | policy.TELECOM_USE_OF),
        ("telecom_system", policy.TELECOM_SYSTEM_OF),
    ):
        allowed = set(generate.CODES[name][1].split())
        assert set() == {row.target for row in rows.values()} - allowed, name


def test_every_codec_exists() -> None:
    """Table 0211 leads to codecs that Python has, or to none."""
    for name in tables.character_sets():
        if tables.codec(name):
            codecs.lookup(tables.codec(name))
    assert ("", "") == (tables.codec("CNS 11643-1992"), tables.codec("no such set"))


def test_a_published_defect_must_be_corrected(tmp_path: Path) -> None:
    """The generator stops on a target that is no FHIR code, and on a correction that no longer fits."""
    file = tmp_path / "TelecommunicationEquipmentType.csv"
    rows = "HL7 v2,,,Condition (IF TRUE),,,HL7 FHIR,,\nCode,Text,Code System,A,F,N,Code,Display,Code System\n"
    file.write_text(rows + "CP,Mobile,HL70202,,,,mobile,Mobile,x\nPH,Phone,HL70202,,,,phone,Phone,x\n")
    stem, allowed = generate.CODES["telecom_system"]

    assert {"CP": "phone", "PH": "phone"} == generate.codes(tmp_path, stem, allowed.split())
    file.write_text(rows + "CP,Mobile,HL70202,,,,mobile,Mobile,x\nPH,Phone,HL70202,,,,telephone,Phone,x\n")
    with pytest.raises(SystemExit, match="telephone"):
        generate.codes(tmp_path, stem, allowed.split())
    file.write_text(rows + "CP,Mobile,HL70202,,,,phone,Phone,x\n")
    with pytest.raises(SystemExit, match="CP"):
        generate.codes(tmp_path, stem, allowed.split())


@pytest.mark.skipif(
    "WARDWIRE_V2TOFHIR" not in os.environ, reason="set WARDWIRE_V2TOFHIR to the published tables"
)
def test_the_committed_data_is_what_the_generator_writes(tmp_path: Path) -> None:
    """Nobody edits it by hand."""
    target = tmp_path / "tables.json"
    generate.main(Path(os.environ["WARDWIRE_V2TOFHIR"]), target)

    assert generate.GENERATED.read_bytes() == target.read_bytes()


def test_corrections_have_reasons() -> None:
    """One place, each row explained."""
    assert all(row.reason for row in corrections.CONCEPT_MAPS)


def _code_and_display(found: Coding | None) -> tuple[str | None, str | None]:
    assert found is not None
    return found.code, found.display
