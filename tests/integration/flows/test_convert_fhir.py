"""FHIR documents converted without a store: what a submission would write, and what became of every entry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from integration.flows import convert_fhir
from integration.flows.convert import ledger_line
from mappers.domain.channels import Channel
from mappers.fhir import r4
from tests.mappers.fhir.samples import RECORDED, SOFTWARE

FIXTURES = Path(__file__).parents[3] / "fixtures" / "submission"
FILES = sorted(FIXTURES.glob("*.json"))


def converted(raw: bytes):
    return convert_fhir.convert(raw, channel=Channel("default"), software=SOFTWARE, recorded=RECORDED)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_submissions_take_is_written_valid(file):
    """Every resource of the Bundle is valid, and a Provenance names all of them."""
    done = converted(file.read_bytes())
    resources = [entry.resource for entry in done.written.entries]
    (why,) = [each for each in resources if each["resourceType"] == "Provenance"]
    others = {f"{each['resourceType']}/{each['id']}" for each in resources} - {f"Provenance/{why['id']}"}
    assert [] == [issue for each in resources for issue in r4.validate(each)]
    assert {each["reference"] for each in why["target"]} == {each for each in others if "Device" not in each}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_ledger_accounts_for_every_entry(file):
    """In is mapped, kept and reported, and each valued element stands under paths or under unmapped."""
    raw = file.read_bytes()
    line = ledger_line(converted(raw), file="x", index=0)
    counts = line["segments"]
    body = json.loads(raw)
    entries = [each["resource"] for each in body["entry"]] if body["resourceType"] == "Bundle" else [body]
    assert (len(entries), len(entries)) == (
        counts["in"],
        counts["mapped"] + counts["kept"] + counts["reported"],
    )
    for row, entry in zip(line["rows"], entries, strict=True):
        said = {f"{entry['resourceType']}.{name}" for name in entry} - {
            f"{entry['resourceType']}.{name}" for name in ("resourceType", "id", "meta")
        }
        assert said == {*row["paths"], *row["unmapped"]}


def test_the_same_again_is_the_same():
    """Ids come from what the resources say."""
    raw = FILES[0].read_bytes()
    first, second = converted(raw), converted(raw)
    assert first.written.bundle() == second.written.bundle()


@pytest.mark.parametrize(
    ("raw", "location"),
    [
        (b"{bad", ""),
        (b'{"resourceType":"ImagingStudy","resourceType":"Media"}', ""),
        (b'{"resourceType":"Observation","status":"final"}', "resourceType"),
        (
            b'{"resourceType":"ImagingStudy","status":"bogus","subject":{"reference":"Patient/1"}}',
            "ImagingStudy.status",
        ),
        (b"{" + b'"a":{' * 5000, ""),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(raw, location):
    """No traceback, one fatal issue, and never a value of the document."""
    done = converted(raw)
    fatal = [each for each in done.issues if each.severity.value == "fatal"]
    assert (True, location) == (done.refused, fatal[0].location)
    assert "bogus" not in fatal[0].text


def test_one_document_a_line_is_several():
    """NDJSON is told from a document over several lines."""
    one = json.dumps(json.loads(FILES[-1].read_bytes())).encode()
    assert 2 == len(convert_fhir.documents(one + b"\n" + one + b"\n"))
    assert 1 == len(convert_fhir.documents(FILES[-1].read_bytes()))
    assert convert_fhir.documents(b"MSH|^~\\&|") is None
