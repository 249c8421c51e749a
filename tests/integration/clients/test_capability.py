"""What is told of a server by its own statement, however odd that is."""

from __future__ import annotations

import pytest

from integration.clients.capability import judge, read

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
