"""Resources are kept in versions, replays change nothing, and nothing lower overwrites what is higher."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta

import pytest

from integration.errors import BlobCorrupt, Conflict, NotFound
from integration.store import keys
from integration.store.keys import KeyRing, Keys
from integration.store.result_records import Outcome
from integration.store.results import Results
from mappers.domain.results import Standing
from tests.support.results import (
    NOW,
    Entry,
    ResultStore,
    observation,
    open_store,
    patient,
    provenance,
    reference,
)

KEYS = keys.generate()


@pytest.fixture
def store(empty_url):
    """An empty result store on each kind of database in turn."""
    opened = open_store(empty_url, KEYS)
    yield opened
    opened.database.close()


def read(store: ResultStore, kind: str, name: str, version: int | None = None):
    with store.database.read() as connection:
        return store.results.read(connection, kind, name, version)


def outcomes(store: ResultStore, *entries, **more) -> list[Outcome]:
    return [outcome.outcome for outcome in store.write(*entries, **more)]


def test_a_resource_is_served_as_it_was_encoded(store):
    """Digits, order of members and other meta stay; meta gets the version and the time."""
    resource = observation(value="5.50", meta={"security": [{"code": "HTEST"}], "versionId": "77"})
    store.write(resource)

    stored = read(store, "Observation", "o1")
    assert b'"value":5.50,' in stored.content
    assert ("1", "2026-11-22T09:30:15.123Z", "m-1") == (
        str(stored.version),
        stored.last_updated,
        stored.message_id,
    )
    meta = json.loads(stored.content)["meta"]
    assert {
        "security": [{"code": "HTEST"}],
        "versionId": "1",
        "lastUpdated": "2026-11-22T09:30:15.123Z",
    } == meta
    assert ["resourceType", "id", "meta", "identifier"] == list(json.loads(stored.content))[:4]


def test_the_same_content_again_changes_nothing(store):
    """A replay, and another order of members, write no version."""
    store.write(observation())
    again = dict(reversed(observation().items()))

    assert [Outcome.UNCHANGED] == outcomes(store, again, now=NOW + timedelta(hours=1), message_id="m-2")
    assert ("m-1", 1) == (
        read(store, "Observation", "o1").message_id,
        read(store, "Observation", "o1").version,
    )


def test_another_digit_is_another_content(store):
    """5.5 and 5.50 differ: precision is meaning."""
    store.write(observation(value="5.5"))

    assert [Outcome.UPDATED] == outcomes(store, observation(value="5.50"))
    assert b'"value":5.5,' in read(store, "Observation", "o1", 1).content
    assert b'"value":5.50,' in read(store, "Observation", "o1").content


def test_the_same_content_is_recognised_after_the_digest_key_changed(store):
    """A rotation of keys makes no versions."""
    store.write(observation())
    fresh = keys.generate()
    rotated = Keys(
        seal=KeyRing((fresh.seal.current, *KEYS.seal.keys)),
        digest=KeyRing((fresh.digest.current, *KEYS.digest.keys)),
        checkpoint=KEYS.checkpoint,
    )
    later = ResultStore(store.database, Results(rotated))

    assert [Outcome.UNCHANGED] == outcomes(later, observation())
    assert [Outcome.UPDATED] == outcomes(later, observation(status="corrected"))
    assert b"final" in read(later, "Observation", "o1", 1).content


PRELIMINARY = Standing(2, "2026-11-20T08:00:00.000000", 0)
FINAL = Standing(3, "2026-11-20T09:00:00.000000", 0)
CORRECTED = Standing(3, "2026-11-20T10:00:00.000000", 2)


def test_preliminary_final_and_corrected_are_versions_of_one_resource(store):
    """Each higher standing makes the next version."""
    for status, standing in (("preliminary", PRELIMINARY), ("final", FINAL), ("corrected", CORRECTED)):
        store.write(Entry(observation(status=status), standing))

    assert 3 == read(store, "Observation", "o1").version
    with store.database.read() as connection:
        history = store.results.history(connection, "Observation", "o1", count=10)
    assert [(3, "corrected"), (2, "final"), (1, "preliminary")] == [
        (version.version, json.loads(version.content)["status"]) for version in history
    ]


@pytest.mark.parametrize(
    ("late", "status"),
    [(PRELIMINARY, "preliminary"), (FINAL, "final")],
    ids=["lower", "older"],
)
def test_an_older_or_lower_version_never_overwrites(store, late, status):
    """What arrives late is reported as stale and not written."""
    store.write(Entry(observation(status="corrected"), CORRECTED))

    (outcome,) = store.write(Entry(observation(status=status), late))
    assert (Outcome.STALE, 1) == (outcome.outcome, outcome.version)
    assert b"corrected" in read(store, "Observation", "o1").content


def test_an_equal_standing_may_replace(store):
    """Two versions of one rank and moment: the one that came later counts."""
    store.write(Entry(observation(value="1"), FINAL))

    assert [Outcome.UPDATED] == outcomes(store, Entry(observation(value="2"), FINAL))


def test_create_only_entries_are_never_replaced(store):
    """A Provenance that exists stays what it was."""
    store.write(Entry(provenance("v1", "Observation/o1"), once=True))

    assert [Outcome.EXISTS] == outcomes(store, Entry(provenance("v1", "Observation/o2"), once=True))
    assert b"Observation/o1" in read(store, "Provenance", "v1").content


@pytest.mark.parametrize("subject", [reference("Patient/p2"), {"display": "nobody"}], ids=["other", "none"])
def test_a_change_of_subject_needs_a_human(store, subject):
    """The result of one patient never becomes that of another; nothing of that message is written."""
    store.write(observation())

    with pytest.raises(Conflict) as caught:
        store.write(patient("p2"), Entry(observation(status="amended", subject=subject), CORRECTED))
    assert "Muñoz" not in str(caught.value)
    assert "p2" not in str(caught.value)
    assert 1 == read(store, "Observation", "o1").version
    with pytest.raises(NotFound):
        read(store, "Patient", "p2")


def test_a_subject_may_be_learned_later(store):
    """A result without a patient can be given one."""
    anonymous = observation()
    del anonymous["subject"]
    store.write(anonymous)

    assert [Outcome.UPDATED] == outcomes(store, observation())


def test_one_resource_twice_in_a_message_makes_two_versions(store):
    """Entries of the same resource take effect in turn."""
    assert [Outcome.CREATED, Outcome.CREATED, Outcome.UPDATED, Outcome.UNCHANGED] == outcomes(
        store, patient(), observation(value="1"), observation(value="2"), observation(value="2")
    )
    assert b'"value":1,' in read(store, "Observation", "o1", 1).content
    assert b'"value":2,' in read(store, "Observation", "o1").content


def test_a_deleted_resource_keeps_its_versions(store):
    """Deletion is a version without content; writing it again is the next one."""
    store.write(observation())
    store.database.write(
        lambda connection: store.results.delete(connection, "Observation", "o1", message_id=None, now=NOW)
    ).result(timeout=30)

    gone = read(store, "Observation", "o1")
    assert (True, b"", 2) == (gone.deleted, gone.content, gone.version)
    assert b"5.50" in read(store, "Observation", "o1", 1).content
    assert [Outcome.UPDATED] == outcomes(store, observation())
    assert 3 == read(store, "Observation", "o1").version


def test_what_is_not_there_is_not_found(store):
    """Neither an unknown id, nor an unknown version, nor the id of another type is answered."""
    store.write(observation())

    for kind, name, version in (
        ("Observation", "o2", None),
        ("Observation", "o1", 2),
        ("Patient", "o1", None),
    ):
        with pytest.raises(NotFound):
            read(store, kind, name, version)
    with store.database.read() as connection, pytest.raises(NotFound):
        store.results.history(connection, "Patient", "o1", count=10)


def test_history_goes_on_below_a_version(store):
    """A long history is read in parts, newest first."""
    for value in range(5):
        store.write(observation(value=str(value)))

    with store.database.read() as connection:
        first = store.results.history(connection, "Observation", "o1", count=2)
        rest = store.results.history(connection, "Observation", "o1", count=9, before=first[-1].version)
    assert ([5, 4], [3, 2, 1]) == ([v.version for v in first], [v.version for v in rest])


def test_content_is_sealed_in_its_row(tmp_path):
    """The database file holds no content in the clear, and content of one row does not open in another."""
    store = open_store(tmp_path, KEYS)
    store.write(observation(note=[{"text": "Zyxwvut-marker"}]), observation("o2", note=[{"text": "other"}]))
    store.database.close()

    assert all(b"Zyxwvut-marker" not in path.read_bytes() for path in tmp_path.iterdir())
    raw = sqlite3.connect(tmp_path / "store.sqlite")
    raw.execute(
        "UPDATE resource_version SET content = (SELECT content FROM resource_version WHERE id = 'o1')"
    )
    raw.commit()
    raw.close()
    again = open_store(tmp_path, KEYS)
    with pytest.raises(BlobCorrupt):
        read(again, "Observation", "o2")
    again.database.close()


def test_counts_are_of_current_resources(store):
    """Versions do not count, resources do."""
    store.write(patient(), observation(value="1"), observation(value="2"), observation("o2"))

    with store.database.read() as connection:
        assert {"Patient": 1, "Observation": 2} == store.results.counts(connection)
