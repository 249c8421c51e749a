"""The search index: what it tells whoever has the database and not the keys, and what it finds all the same."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import delete, insert, select

from integration.store import keys as key_files
from integration.store import search_reader
from integration.store.keys import KeyRing
from integration.store.migrations.versions import v0007_search_marks
from integration.store.reindexing import reindex
from integration.store.result_tables import INDEX, REBUILD
from integration.store.results import Results
from tests.support.results import ResultStore, observation, open_store, patient, provenance, report

KEYS = key_files.generate()
WORDS = (
    "Muñoz",
    "muñoz",
    "munoz",
    "Ana",
    "maria",
    "1970-02-01",
    "MRN-p1",
    "F-o1",
    "2823-3",
    "LAB",
    "female",
    "final",
)


@pytest.fixture
def store(tmp_path: Path) -> Any:
    """A store with a patient and a result."""
    opened = open_store(tmp_path, KEYS)
    opened.write(patient(), observation(), report(), provenance("v1", "Observation/o1"))
    yield opened
    opened.database.close()


def index(store: ResultStore) -> list[dict[str, Any]]:
    """All that the index holds, but for the numbers of its rows."""
    with store.database.read() as connection:
        rows = connection.execute(select(INDEX)).mappings().all()
    return sorted(({name: row[name] for name in row if name != "seq"} for row in rows), key=repr)


def found(store: ResultStore, query: str) -> list[str]:
    """Ids of what a query finds."""
    kind, _, text = query.partition("?")
    search = search_reader.read(kind, parse_qsl(text), base="http://localhost/fhir", strict=True).value
    with store.database.read() as connection:
        return [each.id for each in store.results.search(connection, search).matches]


def test_names_numbers_and_codes_are_not_in_the_index(store: ResultStore) -> None:
    """Neither as they are nor folded; what is there is dates, references, systems and marks."""
    held = [str(value).casefold() for row in index(store) for value in row.values() if value is not None]

    assert held
    assert [] == [word for word in WORDS if any(_holds(each, word.casefold()) for each in held)]


def _holds(text: str, word: str) -> bool:
    """As a word of its own; long ones anywhere. Marks are letters at random, in which "ana" may occur."""
    return word in re.split(r"[^\w]+", text) or (("-" in word or len(word) >= 6) and word in text)


def test_a_birth_date_is_found_whole_and_is_not_in_the_index(store: ResultStore) -> None:
    """No interval of it either, by which patients could be told apart."""
    rows = [row for row in index(store) if row["parameter"] == "birthdate"]

    assert [(None, None)] == [(row["low"], row["high"]) for row in rows]
    assert ["p1"] == found(store, "Patient?birthdate=1970-02-01")
    assert [] == found(store, "Patient?birthdate=1970-02")


def test_equal_values_of_different_parameters_have_different_marks(store: ResultStore) -> None:
    """So that a code cannot be followed through the index."""
    marks = {(row["parameter"], row["value"]) for row in index(store) if row["type"] == "Patient"}

    assert len(marks) == len({value for _, value in marks if value})


def test_what_was_indexed_under_an_earlier_key_is_found(store: ResultStore) -> None:
    """A rotation makes new marks and asks for the old ones too."""
    newer = replace(KEYS, digest=KeyRing((key_files.generate().digest.current, *KEYS.digest.keys)))
    rotated = ResultStore(store.database, Results(newer))
    rotated.write(patient("p2", family="Muñoz"))

    assert ["p1", "p2"] == sorted(found(rotated, "Patient?family=munoz"))
    assert ["o1"] == found(rotated, "Observation?subject:Patient.name=munoz&code=http://loinc.org|2823-3")
    assert [] == found(ResultStore(store.database, Results(key_files.generate())), "Patient?family=munoz")


def test_an_index_that_a_migration_emptied_is_made_anew(store: ResultStore, monkeypatch: Any) -> None:
    """In several batches, the last of which may be cut off; the index is what it was, and stays."""
    monkeypatch.setattr("integration.store.reindexing._BATCH", 2)
    store.write(patient(gender="male"), observation("o2"), observation("o3"))
    before = index(store)

    def empty(connection: Any) -> None:
        connection.execute(delete(INDEX))
        connection.execute(insert(REBUILD), [{"id": 1, "after_seq": 0}])

    store.database.write(empty).result(30)
    store.write(observation("o4"))

    assert 7 == reindex(store.database, store.results)
    assert before == [
        row for row in index(store) if row["version_seq"] <= max(each["version_seq"] for each in before)
    ]
    assert ["o4"] == found(store, "Observation?identifier=F-o4")
    assert 0 == reindex(store.database, store.results)


def test_a_migration_leaves_nothing_in_clear_in_the_file(tmp_path: Path) -> None:
    """Rows that an earlier schema held are gone from the pages too, and are found after the rebuild."""
    opened = open_store(tmp_path, KEYS)
    opened.write(patient())

    def before(connection: Any) -> None:
        """The schema and the index as they were."""
        connection.execute(delete(INDEX))
        rows = [{"version_seq": 1, "type": "Patient", "parameter": "name", "value": "munoz-in-clear"}] * 200
        connection.execute(insert(INDEX), rows)
        connection.exec_driver_sql("DROP TABLE index_rebuild")

    def migrate(connection: Any) -> None:
        """This one step: what came later is there."""
        context = MigrationContext.configure(connection)
        with Operations.context(context):
            v0007_search_marks.upgrade()

    opened.database.write(before).result(30)
    opened.database.write(migrate).result(30)
    done = reindex(opened.database, opened.results)
    found_again = found(opened, "Patient?name=munoz")
    opened.database.close()

    assert (1, ["p1"]) == (done, found_again)
    assert [] == [each.name for each in tmp_path.iterdir() if b"munoz-in-clear" in each.read_bytes()]
