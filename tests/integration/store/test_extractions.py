"""The to-do of readings, the drafts of a document, and the memory of model runs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import event

from integration.errors import Conflict, NotFound
from integration.states import MessageState
from integration.store import extractions
from integration.store.extractions import Extractions
from integration.store.records import Undispatched
from integration.store.runs import Runs
from tests.mappers.fhir.test_extracted_bundle import RUN


def wanted(store, raw=b"MSH|^~\\&|one", **more):
    """A message whose documents are to be read."""
    receipt = store.submit(raw, **more)
    message = store.inbox.load(receipt.message_id)
    store.database.write(lambda connection: extractions.want(connection, message)).result(30)
    return message


def test_a_reading_is_handed_over_once(store):
    """Like a message: undispatched until the engine has it, in the order of commits."""
    todo = Extractions(store.database, clock=store.clock)
    first, second = wanted(store), wanted(store, b"MSH|^~\\&|two", control_id="M2")
    rows = todo.undispatched(10)
    assert [
        Undispatched(each.id, each.seq, each.order_key, "lab", "", 0) for each in (first, second)
    ] == list(rows)
    todo.mark_dispatched([first.id]).result(30)
    assert [second.id] == [row.message_id for row in todo.undispatched(10)]


def test_what_was_handed_over_and_never_ended_is_found(store):
    """The sweep sees it until it ends."""
    todo = Extractions(store.database, clock=store.clock)
    message = wanted(store)
    todo.mark_dispatched([message.id]).result(30)
    store.clock.advance(minutes=1)
    look = {"dispatched_before": store.clock(), "after": "", "limit": 10}
    assert [message.id] == [row.message_id for row in todo.unfinished(**look)]
    todo.move(message.id, MessageState.PARKED, actor="worker", reason="crashed-worker").result(30)
    assert () == todo.unfinished(**look)
    assert "extraction.parked" == store.kinds()[-1]


def test_an_ended_reading_stays_ended_until_it_is_wanted_again(store):
    """A second run finds nothing to do; a replay is a round of its own."""
    todo = Extractions(store.database, clock=store.clock)
    message = wanted(store)
    assert 1 == todo.begin(message.id).attempts
    assert 2 == todo.begin(message.id).attempts
    todo.move(message.id, MessageState.PROCESSED, actor="worker").result(30)
    with pytest.raises(Conflict):
        todo.begin(message.id)
    store.database.write(lambda connection: extractions.want(connection, message)).result(30)
    (row,) = todo.undispatched(10)
    assert (1, 1) == (row.replays, todo.begin(message.id).attempts)


def test_a_message_without_documents_has_no_reading(store):
    """Nothing is made up."""
    with pytest.raises(NotFound):
        Extractions(store.database, clock=store.clock).begin("nothing")


def test_a_document_has_the_drafts_of_its_last_reading(store):
    """What is not named again is forgotten."""

    def put(*drafts):
        store.database.write(
            lambda connection: extractions.replace_drafts(connection, "d1", drafts, message_id="m")
        ).result(30)
        with store.database.read() as connection:
            return extractions.drafts_of(connection, "d1")

    assert (("Observation", "a"), ("Task", "t")) == put(("Task", "t"), ("Observation", "a"))
    assert (("Observation", "b"),) == put(("Observation", "b"))
    assert () == put()


def test_a_run_is_remembered_with_its_answer(store):
    """The same question finds the first answer, byte for byte; another question finds none."""
    runs = Runs(store.database, store.keys)
    assert runs.find(RUN.key) is None
    runs.keep(RUN.key, RUN, '{"a": "ü"}')
    runs.keep(RUN.key, replace(RUN, output_digest="00" * 32), "another answer")
    assert (RUN, '{"a": "ü"}') == runs.find(RUN.key)
    assert runs.find(replace(RUN, input_digest="99" * 32).key) is None


def test_answers_are_sealed(sqlite_store):
    """What a model said of a patient is not readable in the database."""
    Runs(sqlite_store.database, sqlite_store.keys).keep(RUN.key, RUN, "MARKER of a patient")
    sqlite_store.database.close()
    assert not any(b"MARKER" in path.read_bytes() for path in sqlite_store.folder.glob("store.sqlite*"))


@pytest.mark.parametrize("query", ["undispatched", "unfinished"])
def test_every_look_at_the_to_do_is_answered_by_an_index(sqlite_store, query):
    """However many readings are done, those that are not are found at once."""
    todo = Extractions(sqlite_store.database, clock=sqlite_store.clock)
    asked = []

    def note(_connection, _cursor, statement, values, *_):
        asked.append((statement, values))

    with sqlite_store.database.read() as connection:
        engine = connection.engine
    event.listen(engine, "before_cursor_execute", note)
    if query == "undispatched":
        todo.undispatched(10)
    else:
        todo.unfinished(dispatched_before=sqlite_store.clock(), after="", limit=10)
    event.remove(engine, "before_cursor_execute", note)
    (found,) = [each for each in asked if "FROM extraction" in each[0]]
    with sqlite_store.database.read() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {found[0]}", found[1])]
    assert ["ix_extraction" in step for step in plan] == [True], plan
