"""A marker in every field of every segment of every kind of message is in the FHIR output or named in the ledger."""

from __future__ import annotations

import base64
import re

import pytest

from mappers.domain.attribution import Software
from mappers.domain.times import Moment
from mappers.fhir import r4, result_bundle
from tests.mappers.hl7v2.facts import read

HEADER = "MSH|^~\\&|{a}|{b}|{c}|{d}|20261122120000+0100||{kind}|{id}|P|2.8.2"
PATIENT = ("PID", "PD1", "PV1")
ORDER = ("ORC", "TQ1", "OBR", "NTE", "DG1", "IPC", "ZDS", "PRT")
#: Kind of message -> its segments, each of which gets a marker in every field.
KINDS = {
    "ORU^R01": (*PATIENT, "NK1", *ORDER, "OBX", "NTE", "CTI", "SPM", "SAC", "DSC"),
    "OUL^R22": (*PATIENT, "SPM", "SAC", "INV", "OBR", "ORC", "TQ1", "NTE", "OBX", "TCD", "SID", "NTE"),
    "ORM^O01": (*PATIENT, "IN1", "GT1", "AL1", *ORDER, "RXO", "OBX", "NTE", "FT1", "CTI", "BLG"),
    "OMG^O19": (*PATIENT, *ORDER, "CTD", "OBX", "TCD", "NTE", "SPM", "OBX"),
    "OMI^O23": (*PATIENT, *ORDER, "OBX", "NTE"),
    "OML^O21": (*PATIENT, *ORDER, "OBX", "NTE", "SPM", "OBX", "SAC"),
    "OML^O33": (*PATIENT, "SPM", "OBX", "SAC", *ORDER, "OBX"),
    "MDM^T02": ("EVN", *PATIENT, *ORDER, "TXA", "CON", "OBX", "NTE"),
}
FIELDS = 50
#: What has to be a value of its kind for the rest of its segment to be read.
FIXED = {
    ("PID", 7): "19800402", ("ORC", 1): "NW", ("OBX", 2): "ST", ("OBX", 11): "F", ("OBR", 25): "F", ("TXA", 17): "LA",
    ("ZDS", 1): "1.2.3", ("IPC", 3): "1.2.4",
}  # fmt: skip


def marked(kind: str) -> tuple[str, dict[tuple[str, int], str]]:
    """A message of this kind, and the marker of each field by segment label and number."""
    markers: dict[tuple[str, int], str] = {}
    counts: dict[str, int] = {}
    lines = [HEADER.format(a="MARKA", b="MARKB", c="MARKC", d="MARKD", kind=kind, id="MARKID")]
    for name in KINDS[kind]:
        counts[name] = counts.get(name, 0) + 1
        label = f"{name}[{counts[name]}]"
        fields = []
        for n in range(1, FIELDS + 1):
            if (name, n) in FIXED:
                fields.append(FIXED[name, n])
                continue
            marker = f"QX{len(lines):02}Y{n:02}Z"
            markers[label, n] = marker
            fields.append(marker)
        lines.append("|".join([name, *fields]))
    return "\r".join(lines) + "\r", markers


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_field_arrives_or_is_named(kind: str) -> None:
    """What is neither in FHIR nor among the unmapped fields of its row would be lost."""
    text, markers = marked(kind)
    reading = read(text)
    written = [
        result_bundle.write(each, software=Software("W", "1"), recorded=Moment("2026-11-22T12:00:00Z"))
        for each in reading.value.lab_reports
    ]
    fhir = "".join(
        r4.encode(
            [entry.resource for entry in each.entries if entry.resource["resourceType"] != "Provenance"]
        ).decode()
        for each in written
    )
    fhir += "".join(base64.b64decode(data).decode() for data in re.findall(r'"data":"([^"]+)"', fhir))
    named = {
        row.segment: {field.partition(".")[0] for field in row.unmapped} for row in reading.value.ledger.rows
    }

    lost = [
        f"{label}-{n}"
        for (label, n), marker in markers.items()
        if marker not in fhir and f"{label[:3]}-{n}" not in named[label]
    ]
    assert [] == lost
    assert [] == [each for one in written for each in one.issues if each.severity == "error"]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_is_kept_is_whole_on_the_provenance(kind: str) -> None:
    """A segment of which nothing was read is there verbatim, marker by marker."""
    text, markers = marked(kind)
    (report, *_) = read(text).value.lab_reports
    kept = dict(report.source.kept)

    assert kept
    for (label, _), marker in markers.items():
        assert label not in kept or marker in kept[label]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_issue_holds_a_value(kind: str) -> None:
    """Issues say what is wrong and where, never what was sent."""
    text, markers = marked(kind)

    said = " ".join(f"{each.text} {each.location}" for each in read(text).issues)

    assert [] == [marker for marker in markers.values() if marker in said]
