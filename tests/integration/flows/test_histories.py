"""One patient's messages in every order of arrival: the same chart at the end."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from integration.flows.convert import convert
from integration.store import keys
from integration.store.database import Database
from integration.store.result_tables import VERSIONS
from integration.store.results import Results
from mappers.domain.attribution import Software
from mappers.domain.channels import Channel
from mappers.domain.times import Moment
from mappers.fhir import r4
from tests.support.results import NOW, ResultStore, open_store

CHANNEL = Channel("lab")
SOFTWARE = Software("Wardwire", "1")
RECORDED = Moment("2026-11-22T12:00:00Z")
PATIENT = "PID|1||17^^^WARD^MR||Rossi^Giulia"


def message(kind: str, hour: int, *segments: str) -> bytes:
    """A message sent at this hour."""
    header = f"MSH|^~\\&|A|WARDLAB|W|HOSP|20261122{hour:02}0000+0100||{kind}|{kind}-{hour}|P|2.5.1"
    return ("\r".join([header, *segments]) + "\r").encode()


def result(status: str, hour: int, value: str) -> bytes:
    """A version of a result."""
    obr = (
        "OBR|1|PL-1^EHR|FL-1^LIS|24323-8^Panel^LN|||20261122071000+0100"
        f"|||||||||||||||20261122{hour:02}0000+0100||CH|{status}"
    )
    return message(
        "ORU^R01", hour, PATIENT, "ORC|RE|PL-1^EHR|FL-1^LIS", obr,
        f"OBX|1|NM|2823-3^Potassium^LN||{value}|mmol/L|3.5-5.1||||{status}",
        "SPM|1|S-1&LIS||SER^Serum^HL70487",
    )  # fmt: skip


ORDER = message(
    "OML^O21", 7, f"{PATIENT}||19800402|F|||1 Road^^Town", "PV1|1|I|W^1" + "|" * 16 + "V-1",
    "ORC|NW|PL-1^EHR|||||||20261122070000+0100|||1234^Bianchi^Luca", "TQ1|1||||||||S",
    "OBR|1|PL-1^EHR||24323-8^Panel^LN" + "|" * 9 + "Thirst" + "|" * 18 + "R63.1^Polydipsia^I10",
    "OBX|1|CWE|FAST^Fasting^L||Y||||||F" + "|" * 18 + "QST", "SPM|1|S-1&LIS||SER^Serum^HL70487" + "|" * 10 + "arm",
)  # fmt: skip
DONE = message("ORM^O01", 13, PATIENT, "ORC|SC|PL-1^EHR|||CM", "OBR|1|PL-1^EHR||24323-8^Panel^LN")
PRELIMINARY, FINAL, CORRECTION = result("P", 9, "5.90"), result("F", 10, "5.9"), result("C", 11, "6.10")
LETTER = "TXA|1|DS|TX|||||||||{}^DMS|{}||||{}"
DOCUMENT = message("MDM^T02", 8, PATIENT, LETTER.format("D-1", "", "IP"), "OBX|1|TX|T^t^L||First||||||P")
NOTICE = message("MDM^T03", 9, PATIENT, LETTER.format("D-1", "", "AU"))
EDIT = message("MDM^T08", 10, PATIENT, LETTER.format("D-1", "", "AU"), "OBX|1|TX|T^t^L||Second||||||F")
REPLACEMENT = message(
    "MDM^T10", 11, PATIENT, LETTER.format("D-2", "D-1^DMS", "AU"), "OBX|1|TX|T^t^L||New||||||F"
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store."""
    place = tmp_path_factory.mktemp("template")
    open_store(place, keys.generate()).database.close()
    return place / "store.sqlite"


@pytest.fixture
def stores(template: Path, tmp_path: Path) -> Iterator[Any]:
    """Makes empty stores."""
    made: list[Database] = []

    def make() -> ResultStore:
        path = tmp_path / f"{len(made)}.sqlite"
        shutil.copy(template, path)
        made.append(Database(f"sqlite:///{path}"))
        return ResultStore(made[-1], Results(KEYS))

    yield make
    for each in made:
        each.close()


KEYS = keys.generate()


def arrive(store: ResultStore, messages: Iterable[bytes]) -> None:
    """Store what these messages say, one after the other."""
    for raw in messages:
        written = convert(raw, channel=CHANNEL, software=SOFTWARE, recorded=RECORDED).written
        assert written is not None
        facts = [each for each in written.entries if each.resource["resourceType"] != "Provenance"]
        store.database.write(partial(store.results.write, entries=facts, message_id="m", now=NOW)).result(30)


def chart(store: ResultStore) -> dict[str, bytes]:
    """Every current resource, byte for byte but for what a version adds and which message it is from."""
    with store.database.read() as connection:
        found = connection.execute(
            select(VERSIONS.c.type, VERSIONS.c.id).where(VERSIONS.c.current.is_(True))
        ).all()
        read = [store.results.read(connection, row.type, row.id) for row in found]
    stripped = {}
    for each in read:
        resource = r4.decode(each.content)
        resource["meta"] = {
            name: value
            for name, value in resource["meta"].items()
            if name not in {"lastUpdated", "versionId", "source"}
        }
        stripped[f"{each.type}/{each.id}"] = r4.encode(resource)
    return stripped


@pytest.mark.parametrize(
    "history",
    [
        [ORDER, PRELIMINARY, FINAL, CORRECTION],
        [ORDER, DONE, FINAL, CORRECTION],
        [DOCUMENT, NOTICE, EDIT, REPLACEMENT],
    ],
    ids=["order and results", "order, its end and results", "documents"],
)
def test_the_order_of_arrival_means_nothing(history: list[bytes], stores: Any) -> None:
    """All permutations of a history end in one chart."""
    charts = []
    for arrivals in itertools.permutations(history):
        store = stores()
        arrive(store, arrivals)
        charts.append(chart(store))

    assert [charts[0]] * len(charts) == charts


def test_twice_the_same_message_is_the_same(stores: Any) -> None:
    """A history with each message again, late, ends as the history does."""
    history = [ORDER, PRELIMINARY, FINAL, CORRECTION, DONE]
    once, twice = stores(), stores()
    arrive(once, history)
    arrive(twice, [*history, *reversed(history)])

    assert chart(once) == chart(twice)


def of(store: ResultStore, kind: str) -> dict[str, Any]:
    """The only resource of a type."""
    (content,) = (content for name, content in chart(store).items() if name.startswith(f"{kind}/"))
    return r4.decode(content)


@pytest.mark.parametrize("arrivals", [[ORDER, FINAL], [FINAL, ORDER]], ids=["order first", "result first"])
def test_a_result_takes_nothing_from_its_order(arrivals: list[bytes], stores: Any) -> None:
    """Status, priority, reason and requester are the order's; the laboratory's number is added."""
    store = stores()
    arrive(store, arrivals)
    order = of(store, "ServiceRequest")

    assert ("active", "stat") == (order["status"], order["priority"])
    assert ["R63.1"] == [each["coding"][0]["code"] for each in order["reasonCode"]]
    assert {"PL-1", "FL-1"} == {each["value"] for each in order["identifier"]}
    assert "1980-04-02" == of(store, "Patient")["birthDate"]
    assert "arm" == of(store, "Specimen")["note"][0]["text"]


def test_the_last_word_on_an_order_is_its_status(stores: Any) -> None:
    """A later message that completes the order completes it, and takes nothing else away."""
    store = stores()
    arrive(store, [DONE, ORDER])
    order = of(store, "ServiceRequest")

    assert ("completed", "stat") == (order["status"], order["priority"])


def test_an_older_message_never_comes_back(stores: Any) -> None:
    """What was said again later stands against what was said in between, whenever that arrives."""
    store = stores()
    first, between, again = (
        message("ORM^O01", hour, f"{PATIENT}||||||{place}", "ORC|NW|PL-1^EHR", "OBR|1|PL-1^EHR||X^x^L")
        for hour, place in ((8, "1 Road"), (9, "2 Road"), (10, "1 Road"))
    )
    arrive(store, [first, again, between])

    assert ["1 Road"] == of(store, "Patient")["address"][0]["line"]


def test_a_replaced_document_is_superseded_whichever_came_first(stores: Any) -> None:
    """The parent keeps its words and gets its status from the replacement."""
    store = stores()
    arrive(store, [REPLACEMENT, DOCUMENT])
    found = {
        each["masterIdentifier"]["value"]: each
        for name, content in chart(store).items()
        if name.startswith("DocumentReference/") and (each := r4.decode(content))
    }

    assert ("superseded", "current") == (found["D-1"]["status"], found["D-2"]["status"])
    assert "data" in found["D-1"]["content"][0]["attachment"]
    assert "replaces" == found["D-2"]["relatesTo"][0]["code"]
