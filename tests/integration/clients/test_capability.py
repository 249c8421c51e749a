"""What is told of a server by its own statement, however odd that is."""

from __future__ import annotations

import pytest

from integration.clients.capability import LOOKED_UP, WRITTEN, judge, judge_destination, read

SOURCES = ("ImagingStudy",)


def statement(**more):
    return {
        "resourceType": "CapabilityStatement",
        "fhirVersion": "4.0.1",
        "software": {"name": "Tester", "version": "1"},
        "rest": [
            {"mode": "client"},
            {
                "mode": "server",
                "interaction": [{"code": "transaction"}],
                "resource": [
                    {
                        "type": "ImagingStudy",
                        "interaction": [{"code": "read"}, {"code": "search-type"}],
                        "searchParam": [{"name": "_lastUpdated"}],
                    },
                    {"type": "DiagnosticReport", "conditionalCreate": True},
                ],
            },
        ],
        **more,
    }


def found(said):
    return {each.name: each for each in judge(read(said), sources=SOURCES)}


def test_what_is_offered_is_found():
    """Transaction, read, catching up; and what is missing says what happens instead."""
    findings = found(statement())

    assert {"version", "ImagingStudy.read", "ImagingStudy.search", "transaction", "conditional create"} == {
        name for name, each in findings.items() if each.passed
    }
    assert "inside DocumentReference" in findings["Binary"].reason
    assert "poll" in findings["Subscription"].reason
    assert "Tester 1" in findings["version"].reason


def test_another_version_of_fhir_cannot_be_read():
    """R5 is not R4."""
    version = found(statement(fhirVersion="5.0.0"))["version"]

    assert (False, True) == (version.passed, version.required)


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"rest": None},
        {"rest": "x"},
        {"rest": [None, 7]},
        {"rest": [{"mode": "server", "resource": [7, {"type": 7, "interaction": {"code": "read"}}]}]},
        {"fhirVersion": 4.0, "software": "x"},
    ],
)
def test_a_statement_of_an_odd_form_offers_nothing(odd):
    """Whatever it holds, the probe ends with findings."""
    findings = found({"resourceType": "CapabilityStatement", **odd})

    assert not findings["ImagingStudy.read"].passed
    assert not findings["version"].passed


def destination(style="auto", **kinds):
    """A server that offers everything for what results are written as, but for what `kinds` says."""
    search = [{"name": "identifier"}, {"name": "target"}]
    offered = [{"code": code} for code in ("create", "update", "read", "search-type")]
    resources = {
        kind: {"type": kind, "interaction": offered, "searchParam": search} for kind in (*LOOKED_UP, *WRITTEN)
    }
    for kind, changes in kinds.items():
        resources[kind] |= changes
    rest = [{"mode": "server", "resource": list(resources.values())}]
    said = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": rest}
    return {each.name: each for each in judge_destination(read(said), style=style)}


def test_a_destination_is_told_how_it_will_be_written_to():
    """Without transactions one after the other; where a transaction was asked for, that is wrong."""
    assert "one resource after the other" in destination()["style"].reason
    assert (False, True) == (
        destination("transaction")["style"].passed,
        destination("transaction")["style"].required,
    )


def test_what_a_destination_does_not_take_is_told():
    """A report that cannot be updated is a failure; a Device that cannot be written is told."""
    findings = destination(
        DiagnosticReport={"interaction": [{"code": "create"}, {"code": "search-type"}]},
        Device={"interaction": []},
    )

    assert ("update", True) == (
        "update" if "update" in findings["DiagnosticReport.write"].reason else "",
        findings["DiagnosticReport.write"].required,
    )
    assert (False, False) == (findings["Device.write"].passed, findings["Device.write"].required)
    assert findings["Observation.write"].passed


def test_a_destination_that_cannot_be_searched_may_double_what_it_has():
    """Said in words, per type."""
    findings = destination(Observation={"searchParam": []}, Patient={"searchParam": []})

    assert "twice" in findings["Observation.write"].reason
    assert not findings["Patient.search"].passed
