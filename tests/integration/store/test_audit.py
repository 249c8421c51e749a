"""The audit chain: its form, how it grows, what is in it and what is not."""

from __future__ import annotations

import hashlib
import json
import string

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from integration.store import audit
from integration.store.canonical import GREATEST, canonical, quoted
from mappers.domain.attribution import AuditEvent, AuditOutcome, Software
from mappers.domain.times import Moment
from mappers.fhir import r4

AT = Moment("2026-11-22T09:15:00.000000Z")


_KEYS = st.text(alphabet=string.printable, max_size=8)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-GREATEST, GREATEST) | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_KEYS, _VALUES, max_size=6))
def test_the_canonical_form_is_rfc_8785(value):
    """Our encoder writes byte for byte what the reference implementation writes."""
    assert rfc8785.dumps(value) == canonical(value).encode()


@given(_TEXTS)
def test_quoting_is_rfc_8785(text):
    """Also for single strings: controls, quotes, what is not ASCII."""
    assert rfc8785.dumps(text) == quoted(text).encode()


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({"n": GREATEST + 1}, ValueError),
        ({"n": 1.5}, TypeError),
        ({"n": b"x"}, TypeError),
        ({"é": 1}, ValueError),
        ({1: 1}, ValueError),
        ({"t": "\ud800"}, ValueError),
        ({"n": [{"deep": {2**60}}]}, TypeError),
    ],
)
def test_what_has_no_canonical_form_here_is_refused(value, error):
    """Numbers that are not exact, bytes, keys whose order is disputed, broken text."""
    with pytest.raises(error) as caught:
        canonical(value)
    assert "ud800" not in str(caught.value)


_EVENTS = st.builds(
    AuditEvent,
    kind=_TEXTS,
    at=st.just(AT),
    actor=_TEXTS,
    message_id=st.none() | _TEXTS,
    resource=st.none() | _TEXTS,
    details=st.dictionaries(_KEYS, _TEXTS | st.integers(0, 9) | st.booleans() | st.none(), max_size=3),
)


@given(event=_EVENTS, seq=st.integers(1, GREATEST))
def test_a_record_is_the_canonical_json_of_its_documented_members(event, seq):
    """The text that is hashed is what anybody gets who writes the record down as RFC 8785."""
    subject = {"message_id": event.message_id, "resource": event.resource}
    record = {
        "actor": event.actor, "at": AT.text, "details": dict(event.details), "kind": event.kind,
        "outcome": event.outcome.value, "prev": "p", "seq": seq,
        "subject": {key: value for key, value in subject.items() if value is not None}, "v": 1,
    }  # fmt: skip
    assert rfc8785.dumps(record) == audit._text(seq, "p", audit._fact(event)).encode()


def test_the_door_s_own_records_are_canonical_too(store):
    """The hot path writes its details by hand; they are the canonical ones."""
    store.submit(channel='la"b\\')
    store.submit(b"other", channel='la"b\\')
    with store.database.read() as connection:
        for (details,) in connection.exec_driver_sql("SELECT details FROM audit").all():
            assert rfc8785.dumps(json.loads(details)).decode() == details


def test_a_chain_can_be_verified_by_hand(store):
    """A few lines of somebody else's Python recompute it from an export of the table."""
    for n in range(3):
        store.submit(b"%d" % n, control_id=str(n))
    with store.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM audit ORDER BY seq").mappings().all()
    prev = "0" * 64
    for row in rows:
        record = {
            "v": row["version"], "seq": row["seq"], "at": row["at"], "kind": row["kind"], "actor": row["actor"],
            "outcome": row["outcome"], "subject": {"message_id": row["message_id"]},
            "details": json.loads(row["details"]), "prev": prev,
        }  # fmt: skip
        prev = hashlib.sha256(rfc8785.dumps(record)).hexdigest()
        assert prev == row["hash"]


def event(kind: str = "role.started", **more: object) -> AuditEvent:
    return AuditEvent(kind=kind, at=AT, actor="worker", **more)  # type: ignore[arg-type]


def test_events_come_back_as_they_were(store):
    """What was appended is read back equal, in order, with its place in the chain."""
    events = [
        event(outcome=AuditOutcome.SERIOUS_FAILURE, details={"codes": ("a", "b"), "n": 1, "yes": True}),
        event("result.created", message_id="m", resource="Observation/1/_history/1"),
    ]
    end = store.audit.append(*events).result(timeout=30)
    records = list(store.audit.records())

    assert events == [record.event for record in records]
    assert [1, 2] == [record.seq for record in records]
    assert [audit.GENESIS, records[0].hash] == [record.prev for record in records]
    assert (2, records[1].hash) == end


def test_a_work_that_fails_takes_its_records_with_it(store):
    """Audit lives and dies with the transaction it tells of."""

    def work(connection):
        audit.append(connection, event())
        raise KeyError("after the record")

    with pytest.raises(KeyError):
        store.database.write(work).result(timeout=30)
    assert [] == list(store.audit.records())


def test_many_writers_make_one_chain(store, make_store):
    """Several databases that append at once, as several processes do, never fork the chain."""
    others = [store, *(make_store(store.url) for _ in range(3))]
    futures = [other.audit.append(event(details={"n": n})) for n in range(30) for other in others]
    seqs = sorted(future.result(timeout=60).seq for future in futures)

    assert list(range(1, 121)) == seqs
    report = store.audit.verify()
    assert (120, True) == (report.records, report.whole)


def test_records_are_read_in_pages(sqlite_store, monkeypatch):
    """A long chain is verified and read in pieces, none twice, none left out."""
    monkeypatch.setattr(audit, "_CHUNK", 7)
    for n in range(5):
        sqlite_store.audit.append(*(event(details={"n": n * 10 + m}) for m in range(10))).result(timeout=30)

    assert list(range(50)) == [record.event.details["n"] for record in sqlite_store.audit.records()]
    assert list(range(41, 51)) == [record.seq for record in sqlite_store.audit.records(after=40)]
    assert 50 == sqlite_store.audit.verify().records


def test_no_patient_in_the_chain(store):
    """A marker in every field of an arrival that may name a patient appears in no audit record."""
    marker = "ZZPATIENTZZ"
    store.submit(marker.encode(), control_id="M1", order_key=marker)
    store.submit(marker.encode() * 2, control_id="M1", order_key=marker)
    store.submit(marker.encode() * 2, control_id="M1", order_key=marker)
    with store.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM audit").all()

    assert 3 == len(rows)
    assert marker not in repr(rows)


def test_the_export_is_valid_fhir(store):
    """Every record becomes an AuditEvent that our own FHIR judge accepts, each with an id of its own."""
    first = store.submit()
    store.submit()
    store.submit(b"other")
    store.audit.checkpoint()
    store.audit.append(
        event("result.updated", resource="Observation/o1/_history/2", details={"empty": "", "none": None})
    ).result(timeout=30)
    exported = list(store.audit.export(software=Software("Wardwire", "1.2.3")))

    assert [()] * 5 == [r4.validate(resource) for resource in exported]
    assert 5 == len({resource["id"] for resource in exported})
    assert exported == list(store.audit.export(software=Software("Wardwire", "1.2.3")))
    assert f"urn:uuid:{first.message_id}" in json.dumps(exported[0])
    assert exported[3:] == list(store.audit.export(software=Software("Wardwire", "1.2.3"), after=3))
