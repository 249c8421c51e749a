"""Whose a result is at the destination: found by its numbers, never created, never guessed."""

from __future__ import annotations

import pytest

from integration.states import DeliveryState
from tests.integration.flows.writeback.benches import ORDERS, PATIENTS

S = DeliveryState


def patient(ehr, key="p9", value="17", **more):
    return ehr.put("Patient", key, identifier=[{"system": PATIENTS, "value": value}], **more)


def order(ehr, of, key="o9", value="P-1"):
    numbers = [{"system": ORDERS, "value": value}]
    return ehr.put("ServiceRequest", key, identifier=numbers, subject={"reference": of})


def nobody(ehr):
    ehr.put("Patient", "p1", identifier=[{"system": "urn:oid:9.9", "value": "17"}])


def two_patients(ehr):
    patient(ehr, "p1")
    patient(ehr, "p2")


def merged_away(ehr):
    survivor = ehr.put("Patient", "p2")
    patient(ehr, "p1", link=[{"other": {"reference": survivor}, "type": "replaced-by"}])


def no_order(ehr):
    order(ehr, patient(ehr), value="P-2")


def two_orders(ehr):
    who = patient(ehr)
    order(ehr, who, "o1")
    order(ehr, who, "o2")


def order_of_another(ehr):
    patient(ehr)
    order(ehr, patient(ehr, "p8", "18"))


NOT_FOUND = {
    "patient-unmatched": nobody,
    "patient-ambiguous": two_patients,
    "order-unmatched": no_order,
    "order-ambiguous": two_orders,
    "order-of-another-patient": order_of_another,
}


@pytest.mark.parametrize("style", ["transaction", "writes"])
@pytest.mark.parametrize("reason", NOT_FOUND)
def test_who_is_not_found_once_is_for_a_human(make, style, reason):
    """The delivery is parked with its own reason; nothing at all was written there."""
    bench = make(style=style)
    NOT_FOUND[reason](bench.ehr)
    before = dict(bench.ehr.resources)
    bench.receive()
    (delivery,) = bench.deliver()

    assert (S.PARKED, reason) == (delivery.state, delivery.reason)
    assert before == bench.ehr.resources


def test_a_patient_who_was_merged_away_is_not_matched(make):
    """The destination's own merge is for a human to follow."""
    bench = make()
    merged_away(bench.ehr)
    bench.receive()
    (delivery,) = bench.deliver()

    assert "patient-unmatched" == delivery.reason


def test_once_a_human_mended_it_a_retry_goes_through(make):
    """The same delivery, after the order was entered there."""
    bench = make()
    who = patient(bench.ehr)
    bench.receive()
    (parked,) = bench.deliver()
    order(bench.ehr, who)
    bench.store.outbox.move(parked.id, S.PENDING, actor="user:op").result(30)
    (delivery,) = bench.deliver()

    assert S.DELIVERED == delivery.state
    assert 2 == len(bench.ehr.of("Observation"))


def test_a_missing_order_may_be_named_by_its_number(make):
    """Where that was agreed: a logical reference, and no ServiceRequest of ours."""
    bench = make(missing_orders="identifier")
    patient(bench.ehr)
    bench.receive()
    bench.deliver()
    (report,) = bench.ehr.of("DiagnosticReport")

    expected = {"type": "ServiceRequest", "identifier": {"system": ORDERS, "value": "P-1"}}
    assert [expected] == report["basedOn"]
    assert [] == bench.ehr.of("ServiceRequest")


def test_a_patient_number_of_another_assigner_is_nobodys(make):
    """17 of the wrong assigner is another person; an assigner that nobody agreed on is never used."""
    bench = make(patient_assigners=["urn:oid:9.9"])
    nobody(bench.ehr)
    bench.receive()
    (delivery,) = bench.deliver()

    assert "patient-unmatched" == delivery.reason


def test_a_server_that_ignores_what_it_is_asked_matches_nobody(make):
    """A search that gives everybody is not believed: what is given has to bear the number."""
    bench = make()
    patient(bench.ehr, "p1", "18")
    bench.ehr._search = lambda kind, _: {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": each} for each in bench.ehr.of(kind)],
    }
    bench.receive()
    (delivery,) = bench.deliver()

    assert "patient-unmatched" == delivery.reason


def test_what_was_read_from_this_server_is_known_by_its_address(make):
    """No assigner is needed for a patient who came from there; one who is gone there is looked for anew."""
    bench = make(patient_assigners=[])
    bench.ehr.put("Patient", "p7")
    bench.ehr.put("ServiceRequest", "o7", subject={"reference": "Patient/p7"})
    message = bench.receive()
    for kind, place in (("Patient", "Patient/p7"), ("ServiceRequest", "ServiceRequest/o7")):
        (resource,) = bench.stored(kind)
        source = {
            "source": f"https://ehr.example/fhir/{place}",
            "tag": [{"system": "urn:x", "code": "moved"}],
        }
        bench.write(message, {**resource, "meta": source})
    (delivery,) = bench.deliver()

    assert (S.DELIVERED, None) == (delivery.state, delivery.reason)
    (report,) = bench.ehr.of("DiagnosticReport")
    assert "Patient/p7" == report["subject"]["reference"]
    assert "ServiceRequest/o7" == report["basedOn"][0]["reference"]


@pytest.mark.parametrize("style", ["transaction", "writes"])
@pytest.mark.parametrize("came_from_there", [False, True])
def test_results_are_taken_back_with_an_order_in_error(make, style, came_from_there):
    """It may be why they are taken back; new results of such an order are for a human."""
    bench = make(style=style)
    bench.admit()
    message = bench.receive()
    if came_from_there:
        (own,) = bench.stored("ServiceRequest")
        bench.write(message, {**own, "meta": {"source": "https://ehr.example/fhir/ServiceRequest/o9"}})
    bench.deliver()
    bench.ehr.resources["ServiceRequest/o9"]["status"] = "entered-in-error"
    later = bench.receive("M2", hour="13", value="6.10", status="C")
    for kind in ("DiagnosticReport", "Observation"):
        for each in bench.stored(kind):
            taken_back = {**each, "meta": {"source": each["meta"]["source"]}, "status": "entered-in-error"}
            bench.write(later, taken_back, draft=False)
    states = [(each.state, each.reason) for each in bench.deliver()]

    assert [(S.DELIVERED, None), (S.PARKED, "order-unmatched"), *[(S.DELIVERED, None)] * 3] == states
    there = [*bench.ehr.of("DiagnosticReport"), *bench.ehr.of("Observation")]
    assert {"entered-in-error"} == {each["status"] for each in there}
    assert {"ServiceRequest/o9"} == {each["basedOn"][0]["reference"] for each in there}
