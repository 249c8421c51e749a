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

from integration.errors import Conflict, EarlierMissing
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


def arrive(store: ResultStore, messages: Iterable[bytes], channel: Channel = CHANNEL) -> None:
    """Store what these messages say, one after the other."""
    for raw in messages:
        written = convert(raw, channel=channel, software=SOFTWARE, recorded=RECORDED).written
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


MERGE = message("ADT^A40", 12, "EVN|A40", "PID|1||17^^^WARD^MR||Ignored^Name", "MRG|99^^^WARD^MR")


def of_99(raw: bytes) -> bytes:
    """The same for the patient who is merged."""
    return raw.replace(b"||17^^^WARD", b"||99^^^WARD")


def subjects(store: ResultStore) -> set[str]:
    """Whom the results are about."""
    return {
        r4.decode(content)["subject"]["reference"]
        for name, content in chart(store).items()
        if name.startswith(("Observation/", "DiagnosticReport/"))
    }


def patients(store: ResultStore) -> dict[str, dict[str, Any]]:
    """Patients by their number."""
    found = (r4.decode(content) for name, content in chart(store).items() if name.startswith("Patient/"))
    return {each["identifier"][0]["value"]: each for each in found}


def test_after_a_merge_results_go_to_the_patient_who_stays(stores: Any) -> None:
    """References are pointed to the survivor; the one who went stays findable, inactive and linked."""
    store = stores()
    arrive(store, [ORDER, MERGE, of_99(FINAL)])
    stays, went = patients(store)["17"], patients(store)["99"]

    assert {f"Patient/{stays['id']}"} == subjects(store)
    assert "Rossi" == stays["name"][0]["family"]
    assert ("replaces", f"Patient/{went['id']}") == (
        stays["link"][0]["type"], stays["link"][0]["other"]["reference"],
    )  # fmt: skip
    assert (False, "replaced-by") == (went["active"], went["link"][0]["type"])


def test_a_correction_after_a_merge_is_a_version_of_the_same_result(stores: Any) -> None:
    """What was stored for the one who went is about the survivor from its next version on; no conflict."""
    store = stores()
    arrive(store, [of_99(FINAL), MERGE, CORRECTION])

    assert {f"Patient/{patients(store)['17']['id']}"} == subjects(store)
    assert "6.10" == str(of(store, "Observation")["valueQuantity"]["value"])


@pytest.mark.parametrize(
    "second",
    [
        MERGE.replace(b"PID|1||17", b"PID|1||18"),
        MERGE.replace(b"|17^^^WARD", b"|X^^^WARD")
        .replace(b"|99^^^WARD", b"|17^^^WARD")
        .replace(b"|X^", b"|99^"),
    ],
    ids=["into two", "in a circle"],
)
def test_contradicting_merges_are_for_a_human(second: bytes, stores: Any) -> None:
    """Nothing is guessed, nothing is written."""
    store = stores()
    arrive(store, [MERGE])
    before = chart(store)

    with pytest.raises(Conflict):
        arrive(store, [second])
    assert before == chart(store)


def test_a_result_that_knows_the_filler_number_only_finds_its_order(stores: Any) -> None:
    """Once a message has named both numbers, either of them is the order."""
    store = stores()
    arrive(store, [ORDER, PRELIMINARY, FINAL.replace(b"|PL-1^EHR|FL-1^LIS", b"||FL-1^LIS")])

    assert {"PL-1", "FL-1"} == {each["value"] for each in of(store, "ServiceRequest")["identifier"]}
    based_on = of(store, "DiagnosticReport")["basedOn"][0]["reference"]
    assert f"ServiceRequest/{of(store, 'ServiceRequest')['id']}" == based_on


def test_two_orders_that_are_said_to_be_one_are_for_a_human(stores: Any) -> None:
    """Each was written under a number of its own before a message named both."""
    store = stores()
    arrive(store, [ORDER, PRELIMINARY.replace(b"|PL-1^EHR|FL-1^LIS", b"||FL-1^LIS")])

    with pytest.raises(Conflict):
        arrive(store, [FINAL])


TRUSTING = Channel("lab", patient_assigners=("MPI", "WARD"))
BOTH = ORDER.replace(b"||17^^^WARD^MR", b"||17^^^WARD^MR~M-1^^^MPI^PI")
KNOWN_TO_MPI = FINAL
for one, other in (
    (b"||17^^^WARD^MR", b"||M-1^^^MPI^PI"),
    (b"FL-1", b"FL-2"),
    (b"PL-1", b"PL-2"),
    (b"S-1", b"S-2"),
):
    KNOWN_TO_MPI = KNOWN_TO_MPI.replace(one, other)


def test_a_patient_of_two_trusted_numbers_is_one(stores: Any) -> None:
    """PID-3 repeats join them, whichever of them the next message knows."""
    store = stores()
    arrive(store, [BOTH, FINAL, KNOWN_TO_MPI], TRUSTING)

    assert 1 == len(patients(store))
    assert {f"Patient/{of(store, 'Patient')['id']}"} == subjects(store)


def test_numbers_of_assigners_that_nobody_trusts_join_nothing(stores: Any) -> None:
    """Without configured assigners the first number counts and the others are only shown."""
    store = stores()
    arrive(store, [BOTH, KNOWN_TO_MPI])

    assert 2 == len(patients(store))


def test_two_patients_that_are_said_to_be_one_are_for_a_human(stores: Any) -> None:
    """Both have a chart already: which of them stays is not ours to say."""
    store = stores()
    arrive(store, [FINAL, KNOWN_TO_MPI], TRUSTING)

    with pytest.raises(Conflict):
        arrive(store, [BOTH], TRUSTING)


def panel(hour: int, status: str, *observations: str) -> bytes:
    """A version of a report with these results: `code=value` or `code=value@OBX-11`."""
    segments = []
    for number, each in enumerate(observations, 1):
        code, _, rest = each.partition("=")
        value, _, own = rest.partition("@")
        segments.append(f"OBX|{number}|NM|{code}^{code}^LN||{value}|mmol/L|||||{own or status}")
    obr = f"OBR|1|PL-1^EHR|FL-1^LIS|24323-8^Panel^LN{'|' * 18}20261122{hour:02}0000+0100||CH|{status}"
    return message("ORU^R01", hour, PATIENT, "ORC|RE|PL-1^EHR|FL-1^LIS", obr, *segments)


def listed(store: ResultStore) -> list[tuple[str, str, str]]:
    """What the only report lists: code, value and status of each result."""
    charted = chart(store)
    observations = (
        r4.decode(charted[each["reference"]]) for each in of(store, "DiagnosticReport").get("result", ())
    )
    return sorted(
        (each["code"]["coding"][0]["code"], str(each.get("valueQuantity", {}).get("value")), each["status"])
        for each in observations
    )


WHOLE = panel(9, "F", "2823-3=5.9", "2951-2=140")
CHANGED = panel(10, "C", "2823-3=6.1")
TAKEN_BACK = panel(11, "C", "2951-2=@D")
AGAIN = panel(12, "C", "2951-2=141")
NOT_SENT = panel(10, "F", "2823-3=@U", "2951-2=@U")


def test_a_correction_of_one_result_leaves_the_others_in_the_report(stores: Any) -> None:
    """Laboratories send only what changed; the report goes on listing the rest, as it was."""
    store = stores()
    arrive(store, [WHOLE, CHANGED])

    assert [("2823-3", "6.1", "corrected"), ("2951-2", "140", "final")] == listed(store)
    assert "corrected" == of(store, "DiagnosticReport")["status"]


def test_only_a_deletion_takes_a_result_away(stores: Any) -> None:
    """OBX-11 D; the Observation stays, entered in error, and a later result is listed again."""
    store = stores()
    arrive(store, [WHOLE, TAKEN_BACK])
    left = listed(store)
    arrive(store, [AGAIN])

    assert [("2823-3", "5.9", "final")] == left
    assert [("2823-3", "5.9", "final"), ("2951-2", "141", "corrected")] == listed(store)


@pytest.mark.parametrize(
    "history",
    [
        [WHOLE, CHANGED, TAKEN_BACK, AGAIN],
        [panel(8, "P", "2823-3=5.8", "2951-2=139", "2075-0=101"), WHOLE, CHANGED],
    ],
    ids=["parts of a report", "preliminary results, final ones and a part"],
)
def test_partial_reports_end_the_same_in_any_order(history: list[bytes], stores: Any) -> None:
    """All permutations, each message again at the end."""
    charts = []
    for arrivals in itertools.permutations(history):
        store = stores()
        arrive(store, [*arrivals, *history])
        charts.append(chart(store))

    assert [charts[0]] * len(charts) == charts


def test_a_sender_of_snapshots_tells_of_all_results(stores: Any) -> None:
    """With `result_mode = "snapshot"` what a message leaves out is no result of the report any more."""
    store = stores()
    arrive(store, [WHOLE, CHANGED], Channel("lab", snapshots=True))

    assert [("2823-3", "6.1", "corrected")] == listed(store)


def text_report(hour: int, status: str, *lines: str) -> bytes:
    """A version of a report in words: `section/sub-id=words`."""
    obr = f"OBR|1|PL-1^EHR|FL-1^RIS|36643-5^Chest^LN{'|' * 18}20261122{hour:02}0000+0100||RAD|{status}"
    segments = []
    for number, each in enumerate(lines, 1):
        name, _, words = each.partition("=")
        section, _, sub_id = name.partition("/")
        segments.append(f"OBX|{number}|TX|{section}^{section}^L|{sub_id}|{words}||||||{status}")
    return message("ORU^R01", hour, PATIENT, "ORC|RE|PL-1^EHR|FL-1^RIS", obr, *segments)


SECTIONS = text_report(9, "P", "FIND/1=Clear", "FIND/2=lungs", "FIND/3=today", "IMPRESSION/1=None")
SHORTER = text_report(10, "F", "FIND/1=Clear", "FIND/2=lungs", "IMPRESSION/1=Normal")
ONE_SECTION = text_report(11, "C", "IMPRESSION/1=Nodule")


def words(store: ResultStore) -> list[str]:
    """The lines that the only report lists."""
    charted = chart(store)
    references = (each["reference"] for each in of(store, "DiagnosticReport")["result"])
    return sorted(r4.decode(charted[each])["valueString"] for each in references)


def test_a_section_of_text_is_replaced_as_a_whole(stores: Any) -> None:
    """A line that the final report leaves out of a section does not stay under it."""
    store = stores()
    arrive(store, [SECTIONS, SHORTER])

    assert ["Clear", "Normal", "lungs"] == words(store)
    assert "presentedForm" in of(store, "DiagnosticReport")


def test_a_corrected_section_leaves_the_others(stores: Any) -> None:
    """And no text that shows one section alone stands for the report."""
    store = stores()
    arrive(store, [SHORTER, ONE_SECTION])
    report = of(store, "DiagnosticReport")

    assert ["Clear", "Nodule", "lungs"] == words(store)
    assert "Nodule" == report["conclusion"]
    assert "presentedForm" not in report


def test_sections_end_the_same_in_any_order(stores: Any) -> None:
    """All permutations."""
    charts = []
    for arrivals in itertools.permutations([SECTIONS, SHORTER, ONE_SECTION]):
        store = stores()
        arrive(store, arrivals)
        charts.append(chart(store))

    assert [charts[0]] * len(charts) == charts


def test_a_result_that_became_final_keeps_its_value(stores: Any) -> None:
    """OBX-11 U: the value is not sent again."""
    store = stores()
    arrive(store, [panel(9, "P", "2823-3=5.90", "2951-2=140"), NOT_SENT])

    assert [("2823-3", "5.90", "final"), ("2951-2", "140", "final")] == listed(store)


def test_what_became_final_is_not_preliminary_again(stores: Any) -> None:
    """A preliminary version that comes late, or again, changes nothing; a correction does."""
    store = stores()
    preliminary = panel(9, "P", "2823-3=5.90", "2951-2=140")
    arrive(store, [preliminary, NOT_SENT, preliminary, panel(11, "C", "2823-3=6.0")])

    assert [("2823-3", "6.0", "corrected"), ("2951-2", "140", "final")] == listed(store)


def test_a_result_that_nobody_sent_cannot_become_final(stores: Any) -> None:
    """It is for a human, and nothing of the message is written."""
    store = stores()

    with pytest.raises(EarlierMissing):
        arrive(store, [NOT_SENT])
    assert {} == chart(store)


def bare(hour: int, orc: str, who: str = PATIENT) -> bytes:
    """An ORC without OBR."""
    return message("ORM^O01", hour, who, orc)


@pytest.mark.parametrize(
    ("orc", "status"),
    [
        ("ORC|CA|PL-1^EHR|||CA", "revoked"),
        ("ORC|OC||FL-1^LIS", "revoked"),
        ("ORC|HD|PL-1^EHR|||HD", "on-hold"),
        ("ORC|SC|PL-1^EHR|FL-1^LIS||CM", "completed"),
    ],
)
def test_a_bare_orc_changes_the_status_of_its_order(orc: str, status: str, stores: Any) -> None:
    """Found by the placer's or the filler's number; all else stays, and its Provenance names the order."""
    store = stores()
    arrive(store, [ORDER, PRELIMINARY, bare(12, orc)])
    order = of(store, "ServiceRequest")

    assert (status, "stat") == (order["status"], order["priority"])
    assert "24323-8" == order["code"]["coding"][0]["code"]


@pytest.mark.parametrize(
    "who",
    [PATIENT.replace("||17^", "||18^"), PATIENT.replace("17^^^WARD^MR", "17^^^OTHER^MR")],
    ids=["another number", "another assigner"],
)
def test_a_number_of_another_patient_is_not_that_order(who: str, stores: Any) -> None:
    """A number may be used twice; the patient decides."""
    store = stores()
    arrive(store, [ORDER])

    with pytest.raises(EarlierMissing):
        arrive(store, [bare(12, "ORC|CA|PL-1^EHR|||CA", who)])


def test_a_bare_orc_without_its_order_is_for_a_human(stores: Any) -> None:
    """None to change, or two of them: nothing is guessed."""
    store = stores()
    with pytest.raises(EarlierMissing):
        arrive(store, [bare(12, "ORC|CA|PL-1^EHR|||CA")])
    arrive(store, [ORDER, ORDER.replace(b"24323-8^Panel", b"2951-2^Sodium").replace(b"OML^O21-7", b"2")])

    with pytest.raises(Conflict):
        arrive(store, [bare(12, "ORC|CA|PL-1^EHR|||CA")])


def demographics(hour: int, *, gender: str, address: str, telecom: str = "") -> bytes:
    """An order whose PID says this."""
    pid = f"PID|1||17^^^WARD^MR||Rossi^Giulia||19800402|{gender}|||{address}||{telecom}"
    return message("ORM^O01", hour, pid, "ORC|NW|PL-1^EHR", "OBR|1|PL-1^EHR||X^x^L")


SAID = demographics(8, gender="F", address="1 Road^^Town", telecom="555-0100")
DELETED = demographics(9, gender='""', address='""')
SAID_AGAIN = demographics(10, gender="M", address="")


def test_null_takes_a_value_away_and_an_empty_field_does_not(stores: Any) -> None:
    """Chapter 2.5.3: `""` deletes, nothing leaves as it is."""
    store = stores()
    arrive(store, [SAID, DELETED])
    patient = of(store, "Patient")

    assert not {"gender", "address"} & patient.keys()
    assert "1980-04-02" == patient["birthDate"]
    assert "555-0100" == patient["telecom"][0]["value"]


def test_what_was_taken_away_ends_the_same_in_any_order(stores: Any) -> None:
    """An older value never comes back; a newer one does."""
    charts = []
    for arrivals in itertools.permutations([SAID, DELETED, SAID_AGAIN]):
        store = stores()
        arrive(store, arrivals)
        charts.append(chart(store))
    patient = of(store, "Patient")

    assert [charts[0]] * len(charts) == charts
    assert ("male", False) == (patient["gender"], "address" in patient)
