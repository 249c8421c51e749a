"""All that one message says."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from mappers.domain.results import standing
from mappers.domain.times import Moment
from mappers.fhir import r4, result_bundle
from tests.mappers.fhir import samples, strategies


def write(report=samples.LAB_REPORT):
    return result_bundle.write(report, software=samples.SOFTWARE, recorded=samples.RECORDED)


def errors(issues):
    return [issue for issue in issues if issue.severity == "error"]


def test_entries_stand_in_the_order_in_which_a_server_can_take_them():
    """Whoever is referred to comes first."""
    assert ["Device", "Patient", "Encounter", "ServiceRequest", "Specimen", *["Observation"] * 5, "DiagnosticReport", "Provenance"] == [
        entry.resource["resourceType"] for entry in write().entries
    ]  # fmt: skip


def test_each_entry_says_how_it_ranks():
    """Results by their own standing, the rest by the message's time; Device and Provenance are written once."""
    entries = {entry.resource["resourceType"]: entry for entry in write().entries}
    assert (None, True) == (entries["Device"].standing, entries["Device"].once)
    assert (None, True) == (entries["Provenance"].standing, entries["Provenance"].once)
    assert samples.RESULTS[-1].standing == entries["Observation"].standing
    assert samples.REPORT.standing == entries["DiagnosticReport"].standing
    assert standing("final", samples.REPORTED) == entries["Patient"].standing
    earlier = write(
        replace(samples.LAB_REPORT, source=replace(samples.SOURCE, sent_at=Moment("2026-11-21T23:00:00Z")))
    )
    assert earlier.entries[1].standing < entries["Patient"].standing


def test_the_same_message_gives_the_same_resources():
    """Ids are of what is spoken of, not of the message."""
    assert write() == write()
    corrected = replace(
        samples.RESULTS[0], status="corrected", standing=standing("corrected", samples.REPORTED)
    )
    again = write(
        replace(
            samples.LAB_REPORT,
            source=replace(samples.SOURCE, control_id="MSG2", sha256="cd" * 32),
            reports=(replace(samples.REPORT, measurements=(corrected,)),),
        )
    )
    first, second = (
        next(e for e in bundle.entries if e.resource["resourceType"] == "Observation")
        for bundle in (write(), again)
    )
    assert first.resource["id"] == second.resource["id"]
    assert first.standing < second.standing
    assert first.resource["meta"]["source"] != second.resource["meta"]["source"]


def test_the_bundle_is_a_transaction_that_refers_to_its_own_entries():
    """urn:uuid everywhere, PUT by id, nothing left to resolve."""
    bundle = write().bundle()
    assert [] == errors(r4.validate(bundle))
    urls = {entry["fullUrl"] for entry in bundle["entry"]}
    assert 12 == len(urls)
    first = bundle["entry"][1]
    assert {"method": "PUT", "url": f"Patient/{samples.PATIENT.identity.id}"} == first["request"]
    report = bundle["entry"][10]["resource"]
    assert f"urn:uuid:{samples.PATIENT.identity.id}" == report["subject"]["reference"]
    assert {result["reference"] for result in report["result"]} <= urls
    assert b'"reference":"Patient/' not in r4.encode(bundle)


def test_the_entries_are_not_changed_by_making_the_bundle():
    """Inside, references stay relative."""
    written = write()
    before = r4.encode([entry.resource for entry in written.entries])
    written.bundle()
    assert before == r4.encode([entry.resource for entry in written.entries])


def test_numbers_keep_their_digits():
    """5.50 is not 5.5 and 250 is not 250.0, all the way to the bytes."""
    raw = r4.encode(write().bundle())
    again = [
        entry["resource"]["valueQuantity"]["value"]
        for entry in r4.decode(raw)["entry"]
        if "valueQuantity" in entry["resource"]
    ]
    assert ["13.20", "5.50", "4.5", "39.0", "250"] == [str(value) for value in again]
    assert [Decimal, Decimal, Decimal, Decimal, int] == [type(value) for value in again]


def test_orders_and_specimens_are_written_once():
    """Two reports of one order share it."""
    second = replace(
        samples.REPORT,
        identity=replace(samples.REPORT.identity, parts=("urn:oid:1.6", "F2")),
        measurements=(),
    )
    kinds = [
        e.resource["resourceType"]
        for e in write(replace(samples.LAB_REPORT, reports=(samples.REPORT, second))).entries
    ]
    assert (1, 1, 2) == (
        kinds.count("ServiceRequest"),
        kinds.count("Specimen"),
        kinds.count("DiagnosticReport"),
    )


def test_two_results_of_one_identity_are_reported():
    """The later one stands, and somebody is told."""
    twice = replace(
        samples.REPORT,
        measurements=(samples.RESULTS[0], replace(samples.RESULTS[0], value="x", origins=("OBX[2]",))),
    )
    bundle = write(replace(samples.LAB_REPORT, reports=(twice,)))
    assert [("duplicate", "OBX[2]")] == [(issue.code, issue.location) for issue in bundle.issues]
    assert ["x"] == [
        e.resource["valueString"] for e in bundle.entries if e.resource["resourceType"] == "Observation"
    ]


def test_loose_results_are_written():
    """OBX under no OBR: no order, no report."""
    bundle = write(replace(samples.LAB_REPORT, reports=(), loose=samples.RESULTS[:1]))
    (observation,) = [e.resource for e in bundle.entries if e.resource["resourceType"] == "Observation"]
    assert "basedOn" not in observation
    assert "laboratory" == observation["category"][0]["coding"][0]["code"]


def test_a_message_that_says_nothing_has_no_provenance():
    """Provenance needs a target."""
    empty = replace(samples.LAB_REPORT, patient=None, visit=None, reports=())
    assert ["Device"] == [e.resource["resourceType"] for e in write(empty).entries]


def test_what_r4_forbids_is_reported_and_not_written():
    """A writer's mistake never leaves the house."""
    wrong = replace(samples.REPORT, measurements=(replace(samples.RESULTS[0], status="bogus"),))
    bundle = write(replace(samples.LAB_REPORT, reports=(wrong,)))
    assert "Observation" not in {e.resource["resourceType"] for e in bundle.entries}
    assert ["Observation.status"] == [issue.location for issue in errors(bundle.issues)]


def test_the_moment_of_recording_is_an_instant():
    """Provenance.recorded has no other precision."""
    with pytest.raises(ValueError, match="instant"):
        result_bundle.write(samples.LAB_REPORT, software=samples.SOFTWARE, recorded=Moment("2026-11-22"))


@settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(strategies.lab_reports)
def test_whatever_the_domain_says_becomes_valid_fhir(report):
    """Nothing is refused by our checks or by fhir.resources, and every digit survives the bytes."""
    written = write(report)
    assert [] == [issue for issue in errors(written.issues) if issue.code != "duplicate"]
    for entry in written.entries:
        resource = entry.resource
        assert [] == r4._library_issues(resource["resourceType"], resource)
        assert resource == r4.decode(r4.encode(resource))
        assert r4.encode(resource) == r4.encode(r4.decode(r4.encode(resource)))
    assert [] == errors(r4.validate(written.bundle()))
