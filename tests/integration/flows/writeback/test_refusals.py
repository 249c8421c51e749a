"""What a destination refuses, and what someone in its place tries: retried or parked, sealed, never logged."""

from __future__ import annotations

import httpx2
import pytest

from integration.clients import authorization
from integration.states import DeliveryState
from tests.support.fhir_store import answer

S = DeliveryState
SECRET = "of-the-server"
OUTCOME = b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"%s","diagnostics":"PATIENT ROSSI"}]}'


def answers(status, *, code=b"invalid", headers=None, method="POST"):
    """Answers writes so; reading and searching go on as usual."""

    def before(request):
        if request.method != method:
            return None
        return httpx2.Response(status, headers=headers or {}, content=iter([OUTCOME % code]))

    return before


VERDICTS = [
    (400, S.PARKED, "refused", "400 invalid"),
    (401, S.PARKED, "forbidden", "401 invalid"),
    (403, S.PARKED, "forbidden", "403 invalid"),
    (404, S.PARKED, "missing", "404 invalid"),
    (409, S.PARKED, "conflict", "409 invalid"),
    (412, S.PARKED, "conflict", "412 invalid"),
    (413, S.PARKED, "refused", "413 invalid"),
    (422, S.PARKED, "refused", "422 invalid"),
    (429, S.RETRYING, "unreachable", "429 invalid"),
    (500, S.RETRYING, "unanswered", "500 invalid"),
    (503, S.RETRYING, "unreachable", "503 invalid"),
    (301, S.PARKED, "refused", "301 invalid"),
]


@pytest.mark.parametrize("style", ["transaction", "writes"])
@pytest.mark.parametrize("verdict", VERDICTS, ids=lambda verdict: str(verdict[0]))
def test_each_answer_has_its_verdict(make, style, verdict, capsys):
    """State, reason and codes; its words are kept sealed and are in no log."""
    status, state, reason, response = verdict
    bench = make(style=style)
    bench.admit()
    # A Provenance has no identifier to be created once by, so what is unclear about it is looked for first.
    bench.ehr.before = answers(status)
    bench.receive()
    (delivery,) = bench.deliver()

    expected = "unreachable" if status == 500 and style == "writes" else reason
    assert (state, response) == (delivery.state, delivery.response)
    assert delivery.reason in {reason, expected}
    assert b"PATIENT ROSSI" in (bench.store.outbox.said(delivery.id) or b"")
    printed = capsys.readouterr()
    assert "ROSSI" not in printed.out + printed.err


def test_once_it_takes_them_again_everything_arrives(bench):
    """After days of 503."""
    bench.ehr.before = answers(503)
    bench.receive()
    bench.deliver(attempts=10)
    bench.ehr.before = lambda _: None
    (delivery,) = bench.deliver()

    assert (S.DELIVERED, 11) == (delivery.state, delivery.attempts)


def test_a_destination_is_left_alone_for_as_long_as_it_wishes(bench):
    """Retry-After in seconds goes before our own pause."""
    bench.ehr.before = answers(503, headers={"Retry-After": "600"})
    bench.receive()
    (delivery,) = bench.all()
    later = bench.deliveries.deliver(delivery.id)

    assert 590 < later.delay_s <= 600


@pytest.mark.parametrize("style", ["transaction", "writes"])
def test_a_credential_goes_to_its_server_and_to_nobody_else(make, style):
    """A redirect, a next page and a Location elsewhere are not followed."""
    hosts = []

    def elsewhere(request):
        hosts.append((request.url.host, request.headers.get("Authorization")))
        if request.method == "GET" and "Patient" in request.url.path:
            page = {
                "resourceType": "Bundle",
                "type": "searchset",
                "link": [{"relation": "next", "url": "https://evil.example/fhir/Patient?page=2"}],
            }
            return answer(200, page)
        return None

    def away(request):
        hosts.append((request.url.host, request.headers.get("Authorization")))
        return httpx2.Response(307, headers={"Location": "https://evil.example/fhir"}, content=iter([b""]))

    def located(request):
        hosts.append((request.url.host, request.headers.get("Authorization")))
        if request.method != "POST":
            return None
        return answer(201, None, {"Location": "https://evil.example/fhir/Observation/1"})

    for before in (elsewhere, away, located):
        bench = make(style=style)
        bench.admit()
        bench.courier.server = bench.ehr.server(authorization=authorization.bearer(lambda: SECRET))
        bench.ehr.before = before
        bench.receive()
        bench.deliver()

    assert {("ehr.example", f"Bearer {SECRET}")} == set(hosts)


def test_a_next_page_elsewhere_parks_the_delivery(bench):
    """It is told apart from a patient who is not there."""
    link = [{"relation": "next", "url": "https://evil.example/fhir/Patient?page=2"}]
    page = {"resourceType": "Bundle", "type": "searchset", "link": link}

    def before(request):
        return answer(200, page) if request.url.path.endswith("/Patient") else None

    bench.ehr.before = before
    bench.receive()
    (delivery,) = bench.deliver()

    assert (S.PARKED, "foreign-address") == (delivery.state, delivery.reason)


def test_an_endless_answer_is_cut_off(make):
    """65 MiB and more: refused, and the worker lives."""
    bench = make(style="writes")
    bench.admit()
    chunk = b" " * 2**20

    def before(request):
        if request.method == "POST":
            return httpx2.Response(201, content=(chunk for _ in range(10_000)))
        return None

    bench.ehr.before = before
    bench.receive()
    (delivery,) = bench.deliver()

    assert (S.PARKED, "unreadable") == (delivery.state, delivery.reason)


def test_a_search_that_lies_about_what_it_found_is_not_believed(make):
    """A foreign Observation in the answer is not written over."""
    bench = make(style="writes")
    bench.admit()
    bench.ehr.put("Observation", "foreign", status="final")
    before = bench.ehr.resources["Observation/foreign"]
    real = bench.ehr._search

    def lying(kind, query):
        found = real(kind, query)
        if kind == "Observation":
            found["entry"] = [{"resource": bench.ehr.resources["Observation/foreign"]}]
        return found

    bench.ehr._search = lying
    bench.ehr._conditional_create = lambda body, _: (201, bench.ehr._create(body))
    bench.receive()
    bench.deliver()

    assert before == bench.ehr.resources["Observation/foreign"]
