"""Results at a FHIR server: written once, changed in place, whatever is lost on the way."""

from __future__ import annotations

import json

import httpx2
import pytest

from integration.states import DeliveryState, MessageState
from tests.support.fhir_store import answer, plain

S = DeliveryState


def statuses(bench, kind="Observation"):
    return {each["status"] for each in bench.ehr.of(kind)}


def states(bench):
    return [(each.state, each.reason) for each in bench.all()]


def test_results_arrive_with_their_provenance(bench):
    """Each resource once, about the destination's own patient and order, its digits as they were sent."""
    bench.receive()
    (delivery,) = bench.deliver()

    assert (S.DELIVERED, "written 5") == (delivery.state, delivery.response)
    (device,), (report,), (provenance,) = (
        bench.ehr.of(kind) for kind in ("Device", "DiagnosticReport", "Provenance")
    )
    potassium, sodium = bench.ehr.of("Observation")
    assert {"reference": "Patient/p9"} == report["subject"] == potassium["subject"]
    assert [{"reference": "ServiceRequest/o9"}] == report["basedOn"] == sodium["basedOn"]
    assert ["Observation/" + each["id"] for each in (potassium, sodium)] == [
        each["reference"] for each in report["result"]
    ]
    assert "5.90" == str(potassium["valueQuantity"]["value"])
    targets = {each["reference"] for each in provenance["target"]}
    assert {f"{each['resourceType']}/{each['id']}" for each in (report, potassium, sodium)} == targets
    assert f"Device/{device['id']}" == provenance["agent"][0]["who"]["reference"]
    assert 1 == len(bench.ehr.of("Patient")) == len(bench.ehr.of("ServiceRequest"))


def test_a_correction_changes_what_is_there(bench):
    """Preliminary, final, corrected: versions of the same resources, a Provenance for each message."""
    for number, (status, value) in enumerate((("P", "5.90"), ("F", "5.90"), ("C", "4.90")), start=1):
        bench.receive(f"M{number}", status=status, value=value, hour=f"1{number}")
    bench.deliver()

    assert [S.DELIVERED] * 3 == [each.state for each in bench.all()]
    assert {"corrected"} == statuses(bench) == statuses(bench, "DiagnosticReport")
    assert ["4.90", "139"] == [str(each["valueQuantity"]["value"]) for each in bench.ehr.of("Observation")]
    assert (2, 1, 1, 3) == tuple(
        len(bench.ehr.of(kind)) for kind in ("Observation", "DiagnosticReport", "Device", "Provenance")
    )


def test_a_withdrawn_result_is_entered_in_error_there(bench):
    """The same resource, and a Provenance that says by which message."""
    bench.receive("M1")
    bench.receive("M2", status="D", hour="13")
    bench.deliver()

    assert [S.DELIVERED] * 2 == [each.state for each in bench.all()]
    assert {"entered-in-error"} == statuses(bench)
    assert 2 == len(bench.ehr.of("Provenance"))


def picture(bench):
    """What stands there, without what numbers it."""

    def bare(node):
        if isinstance(node, dict):
            kept = {
                name: value
                for name, value in node.items()
                if name not in {"versionId", "id", "reference", "recorded"}
            }
            return {name: bare(value) for name, value in kept.items()}
        return [bare(each) for each in node] if isinstance(node, list) else node

    return sorted(json.dumps(plain(bare(each)), sort_keys=True) for each in bench.ehr.resources.values())


@pytest.mark.parametrize("style", ["transaction", "writes"])
def test_no_lost_answer_doubles_or_drops_anything(make, style):
    """Whichever answers are lost, one or two in a row, in the end the same stands there, each once."""
    plain_run = make(style=style)
    plain_run.admit()
    plain_run.receive("M1", status="P")
    plain_run.receive("M2", status="F", hour="13", value="6.10")
    plain_run.deliver()
    asked = len(plain_run.ehr.asked)
    expected = picture(plain_run)

    assert asked > (5 if style == "transaction" else 10)
    for number in range(1, asked + 1):
        bench = make(style=style)
        bench.admit()
        bench.ehr.lost = {number, number + 1}
        bench.receive("M1", status="P")
        bench.receive("M2", status="F", hour="13", value="6.10")
        bench.deliver(attempts=5)
        assert [S.DELIVERED] * 2 == [each.state for each in bench.all()], number
        assert expected == picture(bench), number


@pytest.mark.parametrize("style", ["transaction", "writes"])
def test_what_was_written_and_forgotten_is_found_again(make, style):
    """Our memory of the destination is lost (a restored backup): nothing is created twice."""
    bench = make(style=style)
    bench.admit()
    bench.receive("M1", status="P")
    bench.deliver()
    bench.store.database.write(lambda c: c.exec_driver_sql("DELETE FROM counterpart")).result(30)
    bench.receive("M2", status="F", hour="13")
    bench.deliver()

    assert [S.DELIVERED] * 2 == [each.state for each in bench.all()]
    assert (2, 1, 1, 2) == tuple(
        len(bench.ehr.of(kind)) for kind in ("Observation", "DiagnosticReport", "Device", "Provenance")
    )
    assert {"final"} == statuses(bench)


def test_an_older_delivery_never_goes_over_a_newer_one(bench):
    """A preliminary one that was parked and is retried after the final one changes nothing."""
    bench.ehr.before = lambda _: httpx2.Response(400, content=iter([b"{}"]))
    bench.receive("M1", status="P")
    (parked,) = bench.deliver()
    bench.ehr.before = lambda _: None
    bench.receive("M2", status="F", hour="13")
    bench.deliver()
    bench.store.outbox.move(parked.id, S.PENDING, actor="user:op").result(30)
    bench.deliver()

    assert [(S.DELIVERED, None)] * 2 == states(bench)
    assert {"final"} == statuses(bench)


def test_what_someone_there_finalised_is_not_made_preliminary(bench):
    """Their word outranks ours; a human looks at it."""
    bench.receive("M1", status="P")
    bench.deliver()
    potassium = bench.ehr.of("Observation")[0]
    bench.ehr._store({**potassium, "status": "final"})
    bench.receive("M2", status="P", value="6.00", hour="13")
    bench.deliver()

    assert [(S.DELIVERED, None), (S.PARKED, "outranked-there")] == states(bench)


def test_a_version_that_moved_is_looked_at_and_tried_once_more(bench):
    """A note that someone there added is in the way; what is ours is current after it."""
    bench.receive("M1", status="P")
    bench.deliver()
    potassium = bench.ehr.of("Observation")[0]
    bench.ehr._store({**potassium, "note": [{"text": "seen"}]})
    bench.receive("M2", status="F", hour="13")
    bench.deliver()

    assert [(S.DELIVERED, None)] * 2 == states(bench)
    assert {"final"} == statuses(bench)


def test_what_was_deleted_there_is_for_a_human(make):
    """Who deleted it had a reason; it is not created again behind their back."""
    bench = make(style="writes")
    bench.admit()
    bench.receive("M1", status="P")
    bench.deliver()
    del bench.ehr.resources["Observation/" + bench.ehr.of("Observation")[0]["id"]]
    bench.receive("M2", status="F", hour="13")
    bench.deliver()

    assert [(S.DELIVERED, None), (S.PARKED, "gone-there")] == states(bench)


def test_a_replay_that_changes_nothing_sends_nothing(bench):
    """The same content is the same delivery."""
    message = bench.receive("M1")
    bench.deliver()
    asked = len(bench.ehr.asked)
    bench.store.inbox.move(message.id, MessageState.RECEIVED, actor="user:op").result(30)
    bench.flow.process(message.id)
    bench.deliver()

    assert 1 == len(bench.all())
    assert asked == len(bench.ehr.asked)


def test_what_is_held_for_a_review_there_is_waited_for(make):
    """202: taken, without an id. A correction waits until it is filed, then changes it."""
    bench = make(style="writes")
    bench.admit()
    bench.ehr.held = {"DiagnosticReport"}
    bench.receive("M1", status="P")
    (first,) = bench.deliver()
    bench.receive("M2", status="F", hour="13")
    bench.deliver()

    assert (S.DELIVERED, "held 1 written 4") == (first.state, first.response)
    assert [(S.DELIVERED, None), (S.RETRYING, "held-there")] == states(bench)
    bench.ehr.file_held()
    bench.deliver()
    assert [(S.DELIVERED, None)] * 2 == states(bench)
    assert {"final"} == statuses(bench, "DiagnosticReport")
    assert 1 == len(bench.ehr.of("DiagnosticReport"))


def test_a_transaction_that_is_forbidden_is_not_the_only_way(make):
    """A server that wants a scope for everything gets one write after the other; told to, we insist."""
    for style, outcome in (("auto", (S.DELIVERED, None)), ("transaction", (S.PARKED, "forbidden"))):
        bench = make(style=style)
        bench.admit()
        bench.ehr._transaction = lambda _: answer(403, {})
        bench.receive()
        bench.deliver()
        assert [outcome] == states(bench)


def test_the_style_follows_what_the_server_offers(make):
    """auto: a transaction where one is offered, else one write after the other."""
    for transactions, posts in ((True, 1), (False, 5)):
        bench = make(style="auto")
        bench.admit()
        bench.ehr.transactions = transactions
        bench.receive()
        bench.deliver()
        assert [(S.DELIVERED, None)] == states(bench)
        assert posts == sum(each.startswith("POST") for each in bench.ehr.asked)
