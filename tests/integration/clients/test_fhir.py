"""The FHIR client against a scripted server: what each interaction asks, and what its answers become."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from integration.errors import (
    AddressRefused,
    RemoteAmbiguous,
    RemoteConflict,
    RemoteMissing,
    RemoteRefused,
    RemoteUnavailable,
    RemoteUnreadable,
)
from tests.support.fhir_peer import BASE, Peer, cannot_be_reached, loses_the_answer, resource, says


def bundle(*resources, next_url=None, kind="searchset"):
    return {
        "resourceType": "Bundle",
        "type": kind,
        "link": [{"relation": "next", "url": next_url}] if next_url else [],
        "entry": [{"resource": each} for each in resources],
    }


def test_a_read_asks_for_r4_json_and_keeps_the_bytes_and_the_digits():
    """What was read is there as bytes, with its version and exact numbers."""
    raw = b'{"resourceType":"ImagingStudy","id":"s1","meta":{"versionId":"7"},"x":5.50}'
    peer = Peer(says(raw))

    found = peer.server().read("ImagingStudy", "s1")

    assert (raw, "7", "ImagingStudy/s1") == (found.raw, found.version, found.reference)
    assert Decimal("5.50") == found.resource["x"]
    assert "5.50" == str(found.resource["x"])
    assert f"{BASE}/ImagingStudy/s1" == str(peer.asked[0].url)
    assert "application/fhir+json; fhirVersion=4.0" == peer.asked[0].headers["Accept"]


def test_a_version_that_only_the_etag_says_is_taken_from_there():
    """Some servers put no versionId into meta."""
    assert (
        "3" == Peer(says(resource(), headers={"ETag": 'W/"3"'})).server().read("ImagingStudy", "s1").version
    )


def test_a_vread_asks_for_one_version():
    """vread is a path below _history."""
    peer = Peer(says(resource()))
    peer.server().vread("ImagingStudy", "s1", "2")

    assert f"{BASE}/ImagingStudy/s1/_history/2" == str(peer.asked[0].url)


@pytest.mark.parametrize("bad", ["../Patient/1", "a/b", "", "x" * 65, "a?b", "a#b", "%2e%2e"])
def test_an_id_that_is_none_is_never_sent(bad):
    """Nothing that a notification names can leave the place of an id."""
    peer = Peer(says(resource()))
    with pytest.raises(ValueError, match="FHIR id"):
        peer.server().read("ImagingStudy", bad)
    assert [] == peer.asked


@pytest.mark.parametrize(
    "answer",
    [
        says(resource("Patient")),
        says(resource("ImagingStudy", "other")),
        says(b"<html>"),
        says(b""),
        says(b'{"resourceType":"ImagingStudy","id":"s1","id":"s1"}'),
        says(b'{"a":' * 5000 + b"1" + b"}" * 5000),
    ],
    ids=["other type", "other id", "html", "empty", "a name twice", "deep"],
)
def test_an_answer_that_is_not_what_was_asked_for_is_refused(answer):
    """Wrong type, wrong id, no JSON, tricks: none of them is taken."""
    with pytest.raises(RemoteUnreadable):
        Peer(answer).server().read("ImagingStudy", "s1")


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there_is_missing(status):
    """404 and 410 have a type of their own that knows which it was."""
    with pytest.raises(RemoteMissing) as caught:
        Peer(says(status=status)).server().read("ImagingStudy", "s1")
    assert status == caught.value.status


def test_a_search_follows_its_pages_and_leaves_outcomes_out():
    """All matches come, in order, over as many pages as there are."""
    peer = Peer(
        says(bundle(resource("Media", "1"), {"resourceType": "OperationOutcome"}, next_url=f"{BASE}?page=2")),
        says(bundle(resource("Media", "2"), next_url="Media?page=3")),
        says(bundle(resource("Media", "3"))),
    )

    found = list(peer.server().search("Media", [("_lastUpdated", "ge2026-01-01"), ("_count", "1")]))

    assert ["1", "2", "3"] == [each.id for each in found]
    assert [
        f"{BASE}/Media?_lastUpdated=ge2026-01-01&_count=1",
        f"{BASE}?page=2",
        f"{BASE}/Media?page=3",
    ] == [str(request.url) for request in peer.asked]


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/fhir?page=2",
        "http://ehr.example/fhir?page=2",
        "https://ehr.example:8443/fhir?page=2",
        "https://ehr.example/other?page=2",
        "https://ehr.example/fhirs?page=2",
        "https://ehr.example@evil.example/fhir?page=2",
        "https://user:x@ehr.example/fhir?page=2",
        "https://ehr.example/fhir/../admin",
        "https://ehr.example/fhir/%2e%2e/admin",
        "//evil.example/fhir?page=2",
        "http://169.254.169.254/latest/meta-data",
    ],
)
def test_a_next_link_to_elsewhere_is_refused(link):
    """The credential goes to the configured base alone."""
    peer = Peer(says(bundle(next_url=link)))
    with pytest.raises(AddressRefused):
        list(peer.server().search("Media"))
    assert 1 == len(peer.asked)


def test_a_redirect_is_not_followed():
    """A server that sends us elsewhere is refused, whatever it sends us to."""
    peer = Peer(says(status=302, headers={"Location": "http://127.0.0.1/"}))
    with pytest.raises(RemoteRefused):
        peer.server().read("Media", "1")
    assert 1 == len(peer.asked)


CREATED = says(status=201, headers={"Location": f"{BASE}/Observation/o9/_history/1", "ETag": 'W/"1"'})


def test_a_create_sends_the_bytes_and_reads_the_location():
    """The body is what was handed in, byte for byte."""
    peer = Peer(CREATED)
    content = b'{"resourceType":"Observation","valueQuantity":{"value":5.50}}'

    written = peer.server().create("Observation", content)

    assert ("Observation/o9", "1", True) == (written.reference, written.version, written.created)
    assert content == peer.asked[0].content
    assert "application/fhir+json" == peer.asked[0].headers["Content-Type"]
    assert "return=minimal" == peer.asked[0].headers["Prefer"]
    assert "If-None-Exist" not in peer.asked[0].headers


def test_a_create_whose_answer_is_lost_is_not_repeated():
    """Without a condition nobody knows whether it was done."""
    peer = Peer(loses_the_answer)
    with pytest.raises(RemoteAmbiguous):
        peer.server().create("Observation", b"{}")
    assert 1 == len(peer.asked)


def test_a_create_that_nobody_heard_is_repeated():
    """Where no connection stood, nothing was done."""
    peer = Peer(cannot_be_reached, CREATED)

    assert peer.server().create("Observation", b"{}").created
    assert 2 == len(peer.asked)


def test_a_conditional_create_whose_answer_was_lost_asks_first():
    """It is there: nothing is sent again."""
    peer = Peer(loses_the_answer, says(bundle(resource("Observation", "o9", meta={"versionId": "1"}))))

    written = peer.server().create("Observation", b"{}", unless="identifier=urn:x|1")

    assert ("o9", "1") == (written.id, written.version)
    assert ["POST", "GET"] == peer.methods
    assert "identifier=urn:x|1" == peer.asked[0].headers["If-None-Exist"]
    assert [("identifier", "urn:x|1")] == list(peer.asked[1].url.params.multi_items())


def test_a_conditional_create_that_was_not_done_is_sent_again():
    """It is not there: the same request once more."""
    peer = Peer(loses_the_answer, says(bundle()), CREATED)

    assert peer.server().create("Observation", b"{}", unless="identifier=urn:x|1").created
    assert ["POST", "GET", "POST"] == peer.methods


def test_a_conditional_create_that_finds_several_is_a_conflict():
    """Which of them is meant is for a human."""
    peer = Peer(loses_the_answer, says(bundle(resource("Observation", "1"), resource("Observation", "2"))))
    with pytest.raises(RemoteConflict):
        peer.server().create("Observation", b"{}", unless="identifier=urn:x|1")


def test_a_conditional_create_that_was_there_and_names_nothing_is_looked_up():
    """Some servers answer 200 without a Location."""
    peer = Peer(says(status=200), says(bundle(resource("Observation", "o9"))))
    written = peer.server().create("Observation", b"{}", unless="identifier=urn:x|1")

    assert ("o9", False) == (written.id, written.created)


def test_an_update_with_a_version_says_which():
    """If-Match names the version that is replaced."""
    peer = Peer(says(status=200, headers={"ETag": 'W/"5"'}))
    written = peer.server().update("Observation", "o1", b"{}", version="4")

    assert ('W/"4"', "5", False) == (peer.asked[0].headers["If-Match"], written.version, written.created)


OURS = {"resourceType": "Observation", "id": "o1", "status": "final"}


def test_an_update_whose_lost_answer_became_a_conflict_is_done():
    """The version in the way is our own."""
    peer = Peer(
        loses_the_answer, says(status=412), says({**OURS, "meta": {"versionId": "5", "lastUpdated": "x"}})
    )

    assert "5" == peer.server().update("Observation", "o1", json.dumps(OURS).encode(), version="4").version
    assert ["PUT", "PUT", "GET"] == peer.methods


def test_an_update_over_somebody_else_s_version_is_a_conflict():
    """What the server has says something else."""
    peer = Peer(says(status=412), says({**OURS, "status": "amended"}))
    with pytest.raises(RemoteConflict):
        peer.server().update("Observation", "o1", json.dumps(OURS).encode(), version="4")


def test_a_conditional_update_names_its_search():
    """PUT with a query."""
    peer = Peer(says(status=200, headers={"Location": "Patient/p1/_history/2"}))
    written = peer.server().update_where("Patient", "identifier=urn:x|1", b"{}")

    assert ("Patient/p1", "2") == (written.reference, written.version)
    assert [("identifier", "urn:x|1")] == list(peer.asked[0].url.params.multi_items())


def test_a_delete_of_what_is_gone_is_done():
    """Gone is gone."""
    Peer(says(status=410)).server().delete("Observation", "o1")


def transaction_answer(*statuses):
    return says(
        {
            "resourceType": "Bundle",
            "type": "transaction-response",
            "entry": [
                {"response": {"status": status, "location": f"Observation/o{number}/_history/1"}}
                for number, status in enumerate(statuses)
            ],
        }
    )


def test_a_transaction_tells_what_became_of_each_entry():
    """Entries in their order, with id, version and whether they are new."""
    peer = Peer(transaction_answer("201 Created", "200 OK"))
    outcomes = peer.server().transaction(b'{"resourceType":"Bundle"}', repeatable=True)

    assert [("o0", True), ("o1", False)] == [(each.id, each.created) for each in outcomes if each]
    assert BASE == str(peer.asked[0].url)


def test_a_transaction_with_a_failed_entry_is_no_success():
    """200 on the outside does not hide 422 on the inside."""
    with pytest.raises(RemoteRefused):
        Peer(transaction_answer("201", "422 Unprocessable")).server().transaction(b"{}", repeatable=True)


@pytest.mark.parametrize(("repeatable", "expected", "asked"), [(True, None, 2), (False, RemoteAmbiguous, 1)])
def test_a_transaction_whose_answer_is_lost(repeatable, expected, asked):
    """It is sent again only where twice is once."""
    peer = Peer(loses_the_answer, transaction_answer("200"))
    if expected is None:
        peer.server().transaction(b"{}", repeatable=repeatable)
    else:
        with pytest.raises(expected):
            peer.server().transaction(b"{}", repeatable=repeatable)
    assert asked == len(peer.asked)


def test_nothing_of_a_patient_is_in_an_error():
    """Address, parameters, ids and texts of the server stay out of what may be logged."""
    told = {"resourceType": "OperationOutcome", "issue": [{"code": "invalid", "diagnostics": "MARKER"}]}
    peer = Peer(says(told, 422))
    with pytest.raises(RemoteRefused) as caught:
        list(peer.server().search("Patient", [("identifier", "urn:x|MARKER")]))

    assert ("invalid",) == caught.value.codes
    assert b"MARKER" in caught.value.outcome
    for text in (
        str(caught.value),
        repr(caught.value),
        str(caught.value.__cause__),
        str(caught.value.__context__),
    ):
        assert "MARKER" not in text
        assert "ehr.example" not in text


def test_an_unreachable_server_is_unavailable_after_all_attempts():
    """Four times, then the flow may come again later."""
    peer = Peer(cannot_be_reached)
    with pytest.raises(RemoteUnavailable):
        peer.server().read("Media", "1")
    assert 4 == len(peer.asked)


def test_no_log_line_holds_an_address(caplog):
    """Even at their most talkative, our own modules name no address."""
    caplog.set_level("DEBUG", logger="integration")
    Peer(says(status=503), says(resource("Patient", "MARKER"))).server().read("Patient", "MARKER")

    assert "MARKER" not in "".join(r.getMessage() for r in caplog.records if not r.name.startswith("http"))
