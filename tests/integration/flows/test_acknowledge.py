"""Application acknowledgements: what they say, and how those for a destination reach its outbox."""

from __future__ import annotations

import pytest

from integration.flows.acknowledge import FORM, Forwarding, write
from integration.flows.intake import MLLP
from integration.states import DeliveryState, MessageState
from integration.store.blobs import Blobs
from integration.store.delivery_records import DeliveryFilter
from integration.store.outbox import Outbox
from mappers.domain.issues import Issue, IssueCode, Severity
from tests.support.door import CLOCK, KEYS, codes, fields, message

LOCATED = Issue(Severity.FATAL, IssueCode.VALUE, "OBX[2]-5", "does not decode", "102")


@pytest.fixture
def forwarding(door, tmp_path):
    """A channel whose application acknowledgements go to the destination "lis"."""
    door.agree(application_acks="lis")
    outbox = Outbox(door.database, Blobs(tmp_path / "blobs", KEYS), KEYS, clock=lambda: CLOCK)
    return Forwarding(door.acks, outbox)


def ended(door, raw: bytes, *issues: Issue, state: MessageState = MessageState.PROCESSED):
    """The decided acknowledgement of a message."""
    message_id = door.receive(raw, way=MLLP).receipts[0].message_id
    door.end(message_id, *issues, state=state)
    (decided,) = door.acks.news([message_id], since=None).decided
    return decided


def test_what_success_says(door):
    """AA to the sender's control id, in its names and version, at the moment of the decision."""
    written = write(ended(door, message("M-1", version="2.3.1", msh15="AL", msh16="AL", msh18="8859/1")))

    assert (["AA"], ["M-1"], ["2.3.1"]) == (
        codes(written),
        fields(written, "MSA", 2),
        fields(written, "MSH", 11),
    )
    assert (["WW"], ["LAB"], ["20261122093020.0000+0000"]) == (
        fields(written, "MSH", 2),
        fields(written, "MSH", 4),
        fields(written, "MSH", 6),
    )
    assert (["NE"], ["NE"], ["8859/1"]) == tuple(fields(written, "MSH", n) for n in (14, 15, 17))


@pytest.mark.parametrize(("version", "segment", "place"), [("2.5", "ERR", 2), ("2.4", "ERR", 1)])
def test_what_failure_says(door, version, segment, place):
    """AE with the place and the reason, in the form of the sender's version."""
    raw = message("M-1", version=version, msh15="AL", msh16="AL")
    written = write(ended(door, raw, LOCATED, state=MessageState.PARKED))

    assert ["AE"] == codes(written)
    assert fields(written, segment, place)[0].startswith("OBX^2^5")
    assert b"102" in written


def test_a_failure_without_an_issue_says_what_to_do(door):
    """Nothing of the message is in it; it is not to be sent again unchanged."""
    written = write(ended(door, message(msh15="AL", msh16="ER"), state=MessageState.PARKED))

    assert ["207^Application error^HL70357"] == fields(written, "ERR", 3)
    assert b"do not send it again unchanged" in written
    assert b"MRN" not in written


def test_one_for_a_destination_becomes_a_delivery(door, forwarding):
    """Once: the exact bytes, in the commit that marks it sent; the next look finds nothing."""
    decided = ended(door, message("M-1", msh15="AL", msh16="AL"))
    assert 0.0 == forwarding.tick()
    assert forwarding.tick() > 0

    (delivery,) = forwarding.outbox.list(DeliveryFilter())
    assert ("lis", FORM, DeliveryState.PENDING, decided.message_id) == (
        delivery.destination,
        delivery.form,
        delivery.state,
        delivery.message_id,
    )
    assert write(decided) == forwarding.outbox.load(delivery.id).content
    kinds = [record.event.kind for record in door.audit.trail(decided.message_id)]
    assert ["delivery.queued", "acknowledgement.sent"] == kinds[3:]
    assert door.audit.verify().whole


def test_two_workers_hand_it_over_once(door, forwarding, monkeypatch):
    """Both find it due; one of them is first."""
    decided = ended(door, message("M-1", msh15="AL", msh16="AL"))
    prepare, nested = Outbox.prepare, []

    def meanwhile(self, about, parcel):
        prepared = prepare(self, about, parcel)
        if not nested:
            nested.append(True)
            forwarding.tick()
        return prepared

    monkeypatch.setattr(Outbox, "prepare", meanwhile)
    forwarding.tick()

    assert 1 == len(forwarding.outbox.list(DeliveryFilter()))
    kinds = [record.event.kind for record in door.audit.trail(decided.message_id)]
    assert 1 == kinds.count("acknowledgement.sent")


def test_those_for_the_connection_are_left_alone(door, forwarding):
    """They wait for who came by it."""
    door.agree(application_acks="return")
    ended(door, message("M-1", msh15="AL", msh16="AL"))
    forwarding.tick()

    assert () == forwarding.outbox.list(DeliveryFilter())
