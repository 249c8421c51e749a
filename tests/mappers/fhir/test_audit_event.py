"""AuditEvents of audit records: the codes that an auditor's tool looks for."""

from __future__ import annotations

import pytest

from mappers.domain.attribution import AuditEvent, AuditOutcome, Software
from mappers.domain.times import Moment
from mappers.fhir import audit_event, r4

WARDWIRE = Software("Wardwire", "1.2.3")


def write(kind: str, **more: object) -> dict[str, object]:
    values: dict[str, object] = {"at": Moment("2026-11-22T09:15:00.5Z"), "actor": "10.1.2.3:50123"}
    event = AuditEvent(kind=kind, **values | more)  # type: ignore[arg-type]
    return audit_event.write(event, seq=7, record_hash="ab" * 32, software=WARDWIRE)


@pytest.mark.parametrize(
    ("kind", "type_", "subtype", "action"),
    [
        ("message.received", "110107", "receive", "C"),
        ("message.refused", "110107", "receive", "C"),
        ("message.resent", "110107", "receive", "R"),
        ("message.conflict", "110113", "receive", "C"),
        ("message.parked", "110100", None, "E"),
        ("result.created", "rest", "create", "C"),
        ("result.updated", "rest", "update", "U"),
        ("result.read", "rest", "read", "R"),
        ("result.searched", "rest", "search", "E"),
        ("delivery.delivered", "110106", "transmit", "R"),
        ("audit.checkpointed", "110101", None, "E"),
        ("role.started", "110100", "110120", "E"),
        ("something.new", "110100", None, "E"),
    ],
)
def test_kinds_have_their_codes(kind, type_, subtype, action):
    """Type, subtype and action by the kind of event; what is not listed is an application activity."""
    resource = write(kind)

    assert (type_, action) == (resource["type"]["code"], resource["action"])
    assert subtype == (resource["subtype"][0]["code"] if "subtype" in resource else None)
    assert () == r4.validate(resource)


def test_who_sent_and_who_received():
    """An import names its source and its destination with DICOM's roles."""
    agents = write("message.received")["agent"]

    assert [("110153", "10.1.2.3:50123", False), ("110152", "Wardwire 1.2.3", False)] == [
        (agent["type"]["coding"][0]["code"], agent["who"]["display"], agent["requestor"]) for agent in agents
    ]


def test_a_named_person_is_the_requestor():
    """`user:` marks a human; programs never ask."""
    assert [{"who": {"display": "ada"}, "requestor": True}] == write("message.parked", actor="user:ada")[
        "agent"
    ]
    assert not write("message.parked", actor="worker")["agent"][0]["requestor"]


def test_what_it_is_about():
    """The chain's own record with its details first, then the message, then the resource."""
    resource = write(
        "result.created",
        message_id="0192f7c8-0000-7000-8000-000000000000",
        resource="Observation/o1/_history/2",
        details={"codes": ("a", "b"), "n": 0, "yes": True, "nothing": None, "empty": ""},
        outcome=AuditOutcome.MINOR_FAILURE,
    )
    record, message, about = resource["entity"]

    assert [
        ("seq", "7"), ("hash", "ab" * 32), ("codes", "a"), ("codes", "b"), ("n", "0"), ("yes", "true"),
    ] == [(detail["type"], detail["valueString"]) for detail in record["detail"]]  # fmt: skip
    assert "urn:uuid:0192f7c8-0000-7000-8000-000000000000" == message["what"]["identifier"]["value"]
    assert "Observation/o1/_history/2" == about["what"]["reference"]
    assert ("4", "2026-11-22T09:15:00.5Z") == (resource["outcome"], resource["recorded"])
    assert () == r4.validate(resource)


def test_the_same_record_is_the_same_resource():
    """The id comes from the record's hash: exporting twice makes no second AuditEvent."""
    assert write("message.received")["id"] == write("message.received")["id"]


def test_events_happen_in_utc():
    """A moment with another offset, or without a time, is no audit moment."""
    for text in ("2026-11-22", "2026-11-22T09:15:00+05:45"):
        with pytest.raises(ValueError, match="UTC"):
            AuditEvent(kind="x", at=Moment(text), actor="a")
