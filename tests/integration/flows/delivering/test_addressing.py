"""Which results leave, where to and in what form."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integration.flows.addressing import Addressing, Destination, Form, Route
from integration.flows.convert import convert
from integration.flows.sending import Sending
from integration.states import DeliveryState
from integration.store.delivery_records import DeliveryFilter
from integration.store.result_records import Outcome, WriteOutcome
from mappers.domain.attribution import Software
from mappers.domain.channels import Channel
from mappers.domain.results import LabReport
from mappers.domain.times import Moment
from mappers.hl7v2.outbound.recipient import Recipient
from tests.mappers.hl7v2.outbound.facts import FIXTURES

NOW = Moment("2026-11-22T09:15:00.000000Z")


def reports(name: str = "demo/2-final.hl7") -> tuple[LabReport, ...]:
    return convert(
        (FIXTURES / name).read_bytes(),
        channel=Channel("lab"),
        software=Software("Wardwire", "0"),
        recorded=NOW,
    ).reports


def destination(name: str, form: Form = Form.ORU_R01, **more) -> Destination:
    return Destination(name, form, Recipient(), **more)


def addressing(*routes: Route, **more) -> Addressing:
    destinations = {name: destination(name) for name in ("ehr", "registry", "archive")}
    return Addressing(destinations, routes, {"lab": ("ehr", "archive")}, **more)


@pytest.mark.parametrize(
    ("routes", "channel", "trigger", "expected"),
    [
        ([], "lab", "ORU^R01^ORU_R01", ["ehr", "archive"]),
        ([], "other", "ORU^R01", []),
        ([Route(("registry",), "lab")], "lab", "ORU^R01", ["registry"]),
        ([Route(("registry",), "other")], "lab", "ORU^R01", ["ehr", "archive"]),
        ([Route(("registry",), message_type="ORU")], "other", "ORU^R32^ORU_R30", ["registry"]),
        ([Route(("registry",), message_type="ORU^R01")], "lab", "ORU^R01^ORU_R01", ["registry"]),
        ([Route(("registry",), message_type="ORU^R01")], "lab", "ORU^R32", ["ehr", "archive"]),
        ([Route(("registry",), message_type="OR")], "lab", "ORU^R01", ["ehr", "archive"]),
        ([Route((), "lab"), Route(("registry",))], "lab", "ORU^R01", []),
        ([Route(("registry",)), Route((), "lab")], "lab", "ORU^R01", ["registry"]),
    ],
)
def test_the_first_route_that_covers_a_message_decides(routes, channel, trigger, expected):
    """Else the channel does."""
    assert expected == [each.name for each in addressing(*routes).of(channel, trigger)]


def test_an_oru_for_each_destination():
    """One for all reports of a patient, about each of its results."""
    found = addressing().parcels(reports(), channel="lab", now=NOW)
    (report,) = reports()

    assert ["ehr", "archive"] == [each.destination for each in found]
    assert {each.identity.reference for each in report.reports} <= set(found[0].about)
    assert {m.identity.reference for each in report.reports for m in each.measurements} <= set(found[0].about)


def test_a_document_for_each_report():
    """MDM speaks of one document."""
    found = Addressing({"ehr": destination("ehr", Form.MDM_T02)}, (), {"lab": ("ehr",)}).parcels(
        reports(), channel="lab", now=NOW
    )
    (report,) = reports()

    assert len(report.reports) == len(found)
    assert [each.identity.reference for each in report.reports] == [each.about[0] for each in found]


@pytest.mark.parametrize(
    "status", ["registered", "partial", "preliminary", "final", "corrected", "cancelled"]
)
def test_the_sender_s_own_results_leave_as_they_came(status):
    """Whatever their status: it is the sender's word."""
    (report,) = reports()
    changed = replace(report, reports=tuple(replace(each, status=status) for each in report.reports))

    assert 2 == len(addressing().parcels([changed], channel="lab", now=NOW))


def test_drafts_stay_here():
    """Unless a destination takes them."""
    taking = Addressing(
        {"ehr": destination("ehr"), "bench": destination("bench", drafts=True)}, (), {"lab": ("ehr", "bench")}
    )

    assert ["bench"] == [
        each.destination for each in taking.parcels(reports(), channel="lab", now=NOW, draft=True)
    ]
    assert () == addressing().parcels(reports(), channel="lab", now=NOW, draft=True)


def test_what_holds_no_result_does_not_leave():
    """A message without a report leads to nothing."""
    (report,) = reports()

    assert () == addressing().parcels([replace(report, reports=(), loose=())], channel="lab", now=NOW)


def test_what_cannot_be_written_says_where():
    """Its parcel has a place and no bytes."""
    (parcel,) = Addressing(
        {"ehr": replace(destination("ehr"), recipient=Recipient(character_set="ASCII"))},
        (),
        {"lab": ("ehr",)},
    ).parcels(named("Muñoz"), channel="lab", now=NOW)

    assert ((), "PID[1]-5") == (parcel.pieces, parcel.problem)


def named(family: str) -> list[LabReport]:
    (report,) = reports()
    name = replace(report.patient.names[0], family=family)
    return [replace(report, patient=replace(report.patient, names=(name,)))]


def written(report: LabReport, outcome: Outcome) -> list[WriteOutcome]:
    """What became of the results of a report."""
    found = [each.identity for each in report.reports]
    return [WriteOutcome(each.kind, each.id, 1, outcome) for each in found]


@pytest.mark.parametrize(
    ("outcome", "replays", "count"),
    [
        (Outcome.CREATED, 0, 2),
        (Outcome.UPDATED, 0, 2),
        (Outcome.UNCHANGED, 0, 0),
        (Outcome.UNCHANGED, 1, 2),
        (Outcome.STALE, 0, 0),
        (Outcome.STALE, 1, 0),
    ],
)
def test_only_news_leave(tray, outcome, replays, count):
    """What is stale never does; what is known does when an operator asks for it."""
    message = replace(tray.message(), replays=replays)
    sending = Sending(tray.outbox, addressing(), None)
    prepared = sending.prepare(message, reports())
    (report,) = reports()
    tray.database.write(
        lambda c: sending.add(c, message, prepared, outcomes=written(report, outcome), now=tray.clock())
    ).result(timeout=30)

    assert [DeliveryState.PENDING] * count == tray.states()


def test_a_replay_serves_only_who_has_not_had_it(tray):
    """A destination added later gets the old result; the others get nothing twice."""
    message = tray.message()
    (report,) = reports()
    first = Sending(tray.outbox, Addressing({"ehr": destination("ehr")}, (), {"lab": ("ehr",)}), None)
    second = Sending(tray.outbox, addressing(), None)
    for sending, again, outcome in ((first, 0, Outcome.CREATED), (second, 1, Outcome.UNCHANGED)):
        stored = replace(message, replays=again)
        prepared = sending.prepare(stored, reports())
        tray.database.write(
            lambda c, sending=sending, stored=stored, prepared=prepared, outcome=outcome: sending.add(
                c, stored, prepared, outcomes=written(report, outcome), now=tray.clock()
            )
        ).result(timeout=30)

    assert ["archive", "ehr"] == sorted(each.destination for each in tray.outbox.list(DeliveryFilter()))
