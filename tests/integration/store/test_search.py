"""What a search finds, in which order, on which page, with what comes along; and what it refuses."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from integration.store import keys, search_plan, search_reader
from integration.store.search_parameters import PARAMETERS
from integration.store.search_query import Cursor
from integration.store.search_values import Interval, index_rows, interval
from mappers.domain.issues import IssueCode, Severity
from tests.support import postgres
from tests.support.results import (
    NOW,
    coded,
    observation,
    open_store,
    patient,
    provenance,
    reference,
    report,
)

BASE = "https://wardwire.example/fhir"
LOINC = "http://loinc.org"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request, tmp_path_factory):
    """An empty database of each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('search') / 'store.sqlite'}"
        return
    with postgres.empty_database(request.getfixturevalue("postgres_server")) as empty:
        yield empty


@pytest.fixture(scope="module")
def store(url):
    """Two patients, their results and where they came from; read by every test, changed by none."""
    opened = open_store(url, keys.generate())
    opened.write(
        patient("p1", family="Muñoz"),
        patient("p2", family="Straße", gender="male", birthDate="1981"),
        observation("o1"),
        observation("o2", status="preliminary", effectiveDateTime="2026-11-21T23:30:00-05:00"),
        observation("o3", code=coded(LOINC, "718-7"), effectiveDateTime="2026-11"),
        observation(
            "o4",
            subject=reference("Patient/p2"),
            basedOn=[reference("ServiceRequest/s1")],
            specimen=reference("Specimen/x1"),
            effectiveDateTime="2026-12-01T00:00:00Z",
        ),
        now=NOW,
    )
    nameless = observation("o5", identifier=[{"value": "local-5"}], code={"text": "something else"})
    del nameless["subject"], nameless["effectiveDateTime"]
    ongoing = observation("o6", subject={"identifier": {"system": "urn:oid:1.2.3", "value": "MRN-x"}})
    del ongoing["effectiveDateTime"]
    opened.write(
        nameless,
        {**ongoing, "effectivePeriod": {"start": "2026-11-20"}},
        report("d1", ("o1", "o2")),
        report("d2", ("o4",), subject=reference("Patient/p2"), effectiveDateTime="2026-12-01"),
        provenance("v1", "DiagnosticReport/d1", "Observation/o1", "Observation/o2"),
        provenance("v2", "Observation/o4", agent=[{"who": reference("Device/model-a")}]),
        now=NOW + timedelta(minutes=5),
    )
    yield opened
    opened.database.close()


def search(store, query: str, *, strict: bool = True):
    kind, _, text_ = query.partition("?")
    mapped = search_reader.read(kind, parse_qsl(text_, keep_blank_values=True), base=BASE, strict=strict)
    assert not mapped.refused, mapped.issues
    with store.database.read() as connection:
        return store.results.search(connection, mapped.value)


def find(store, query: str) -> str:
    """Ids of the matches, sorted, unless the query sorts."""
    ids = [resource.id for resource in search(store, query).matches]
    return " ".join(ids if "_sort" in query else sorted(ids))


@pytest.mark.parametrize(
    ("expected", "query"),
    [
        ("o1 o2 o3 o4 o5 o6", "Observation"),
        # tokens (R4 search §3.1.1.4.10)
        ("o1 o2 o4 o6", "Observation?code=http://loinc.org|2823-3"),
        ("o3", "Observation?code=718-7"),
        ("o1 o2 o3 o4 o6", "Observation?code=718-7,2823-3"),
        ("o1 o2 o3 o4 o6", "Observation?code=http://loinc.org|"),
        ("", "Observation?code=http://snomed.info/sct|718-7"),
        ("o2", "Observation?status=preliminary"),
        ("o2", "Observation?status=http://hl7.org/fhir/observation-status|preliminary"),
        ("o1 o3 o4 o5 o6", "Observation?status:not=preliminary"),
        ("o1", "Observation?identifier=urn:oid:1.2.9.8|F-o1"),
        ("o1", "Observation?identifier=F-o1"),
        ("", "Observation?identifier=|F-o1"),
        ("o5", "Observation?identifier=|local-5"),
        ("", "Observation?identifier=urn:oid:1.2.9.8|local-5"),
        ("o1 o2", "Observation?_id=o1,o2,o9"),
        ("o1 o2 o3 o4 o5 o6", "Observation?category=laboratory"),
        # all conditions hold
        ("o2", "Observation?patient=p1&status=preliminary"),
        ("", "Observation?status=final&status=preliminary"),
        # references (§3.1.1.4.12)
        ("o1 o2 o3", "Observation?patient=p1"),
        ("o1 o2 o3", "Observation?patient=Patient/p1"),
        ("o1 o2 o3", f"Observation?patient={BASE}/Patient/p1"),
        ("o1 o2 o3", "Observation?subject=Patient/p1"),
        ("o1 o2 o3", "Observation?subject=p1"),
        ("o4", "Observation?subject:Patient=p2"),
        ("", "Observation?patient=https://elsewhere.example/fhir/Patient/p1"),
        ("o6", "Observation?patient:identifier=urn:oid:1.2.3|MRN-x"),
        ("o4", "Observation?based-on=s1"),
        ("o4", "Observation?specimen=Specimen/x1"),
        ("d1", "DiagnosticReport?result=Observation/o2"),
        ("v1", "Provenance?target=Observation/o1"),
        ("v1", "Provenance?target=o1"),
        ("v2", "Provenance?agent=Device/model-a"),
        ("v1 v2", f"Provenance?entity:identifier={'ab' * 32}"),
        # chains (§3.1.1.4.13)
        ("o4", "Observation?patient.identifier=urn:oid:1.2.3|MRN-p2"),
        ("o4", "Observation?subject:Patient.name=strasse"),
        ("o1 o2 o3", "Observation?subject.family=munoz"),
        ("d2", "DiagnosticReport?result.specimen=Specimen/x1"),
        ("v2", "Provenance?target.patient=p2"),
        ("v1", "Provenance?target:DiagnosticReport.patient.identifier=MRN-p1"),
        # :missing
        ("o5", "Observation?subject:missing=true"),
        ("o1 o2 o3 o4 o6", "Observation?date:missing=false"),
        # text (§3.1.1.4.8)
        ("p1", "Patient?name=MUÑOZ"),
        ("p1 p2", "Patient?name=maria"),
        ("p1 p2", "Patient?given=ana"),
        ("p2", "Patient?family=STRASSE"),
        ("", "Patient?family=traße"),
        ("p2", "Patient?gender=male&birthdate=1981"),
        ("p1", "Patient?birthdate=eq1970-02-01"),
        ("", "Patient?birthdate=1981-05"),
    ],
)
def test_what_a_search_finds(store, expected, query):
    """Tokens, references, chains and text find what R4 says."""
    assert expected == find(store, query)


@pytest.mark.parametrize(
    ("expected", "query"),
    [
        # o1 2026-11-20T07:15Z · o2 2026-11-22T04:30Z · o3 November · o4 December 1st · o6 from November 20th on
        ("o1", "2026-11-20"),
        ("o2", "2026-11-22"),
        ("", "2026-11-21"),
        ("o1 o2 o3", "2026-11"),
        ("o1", "2026-11-20T08:15+01:00"),
        ("o1", "2026-11-20T08:15 01:00"),
        ("o1 o2 o3", "eq2026-11"),
        ("o4 o6", "ne2026-11"),
        ("o2 o3 o4 o6", "gt2026-11-20"),
        ("o1 o2 o3 o4 o6", "ge2026-11-20"),
        ("o3", "lt2026-11-20"),
        ("o1 o3", "le2026-11-20"),
        ("o4", "sa2026-11-30"),
        ("o1", "eb2026-11-21"),
        ("o1 o4", "2026-11-20,2026-12-01"),
    ],
)
def test_dates_compare_as_intervals(store, expected, query):
    """Each prefix compares the intervals that the precisions imply (§3.1.1.4.5)."""
    assert expected == find(store, f"Observation?date={query.replace('+', '%2B')}")


@pytest.mark.parametrize(
    ("expected", "query"),
    [
        ("o1 o2 o3 o4", "lt2026-11-22T09:35:00Z"),
        ("o5 o6", "gt2026-11-22T09:30:15.123Z"),
        ("o1 o2 o3 o4 o5 o6", "ge2026-11-22T09:30:15.123Z"),
        ("o1 o2 o3 o4", "2026-11-22T09:30:15.123Z"),
        ("o5 o6", "2026-11-22T09:35"),
    ],
)
def test_last_updated_is_searched_at_its_precision(store, expected, query):
    """A client that asks from the last meta.lastUpdated it saw misses nothing and sees nothing twice."""
    assert expected == find(store, f"Observation?_lastUpdated={query}")


def test_order_and_pages(store):
    """Pages follow each other without a gap or a repeat, in either order, by time of change or by date."""
    for sort, expected in {
        "date": "o5 o3 o6 o1 o2 o4",
        "-date": "o4 o2 o1 o6 o3 o5",
        "_lastUpdated": "o1 o2 o3 o4 o5 o6",
        "-_lastUpdated": "o6 o5 o4 o3 o2 o1",
    }.items():
        whole = find(store, f"Observation?_sort={sort}")
        for count in (1, 2, 4, 5):
            found, cursor = [], ""
            while cursor is not None:
                page = search(store, f"Observation?_sort={sort}&_count={count}&_cursor={cursor}")
                assert 6 == page.total
                found += [resource.id for resource in page.matches]
                cursor = page.next.encode() if page.next else None
            assert expected.split() == found
        assert expected == whole


def test_the_newest_come_first(store):
    """Without _sort a search shows the latest changes first."""
    assert ["o6", "o5", "o4"] == [r.id for r in search(store, "Observation?_count=3").matches]


def test_a_page_that_changes_under_a_reader(tmp_path):
    """A resource changed between two pages is not seen twice."""
    store = open_store(tmp_path, keys.generate())
    store.write(*(observation(f"o{number}") for number in range(6)))
    first = search(store, "Observation?_count=3")
    store.write(observation("o5", "9.9"), now=NOW + timedelta(hours=1))
    second = search(store, f"Observation?_count=3&_cursor={first.next.encode()}")

    assert (["o5", "o4", "o3"], ["o2", "o1", "o0"]) == tuple(
        [r.id for r in p.matches] for p in (first, second)
    )
    store.database.close()


@pytest.mark.parametrize(
    ("total", "matches", "query"),
    [
        (6, 2, "_count=2"),
        (6, 0, "_count=0"),
        (1, 0, "_summary=count&status=preliminary"),
        (None, 6, "_total=none"),
        (3, 1, "_count=1&patient=p1&_total=accurate"),
    ],
)
def test_totals(store, total, matches, query):
    """The total is over all pages; with a count of zero there is nothing else."""
    page = search(store, f"Observation?{query}")
    assert (total, matches) == (page.total, len(page.matches))


def test_a_page_has_an_upper_bound(store):
    """Asking for a million gets what one page holds at most."""
    mapped = search_reader.read("Observation", [("_count", "1000000")], base=BASE)
    assert 500 == mapped.value.count


@pytest.mark.parametrize(
    ("expected", "query"),
    [
        ("Observation/o1 Observation/o2", "DiagnosticReport?_id=d1&_include=DiagnosticReport:result"),
        ("Patient/p1", "Observation?_id=o1,o2&_include=Observation:subject"),
        ("Patient/p1", "Observation?_id=o1,o2&_include=Observation:subject:Patient"),
        ("", "Observation?_id=o1&_include=Observation:subject:Device"),
        ("", "Observation?_id=o1&_include=DiagnosticReport:result"),
        ("Provenance/v1", "DiagnosticReport?_id=d1&_revinclude=Provenance:target"),
        ("Provenance/v1", "Observation?_id=o1,o2&_revinclude=Provenance:target"),
        ("DiagnosticReport/d2", "Observation?_id=o4&_revinclude=DiagnosticReport:result"),
        ("Patient/p2 Observation/o4", "DiagnosticReport?_id=d2&_include=DiagnosticReport:*"),
        (
            "Observation/o4 Patient/p2 Provenance/v2",
            "DiagnosticReport?_id=d2&_include=DiagnosticReport:result&_include:iterate=Observation:subject&_revinclude:iterate=Provenance:target",
        ),
    ],
)
def test_what_comes_along(store, expected, query):
    """Includes follow references both ways, each resource once, further only when asked to iterate."""
    page = search(store, query)
    assert sorted(expected.split()) == sorted(f"{r.type}/{r.id}" for r in page.included)
    assert not page.cut


@pytest.mark.parametrize(
    ("code", "query"),
    [
        (IssueCode.VALUE, "date=yesterday"),
        (IssueCode.VALUE, "date=ap2026"),
        (IssueCode.VALUE, "date=2026-13-01"),
        (IssueCode.VALUE, "_lastUpdated=2026-02-30"),
        (IssueCode.VALUE, "code=|"),
        (IssueCode.VALUE, "status=,"),
        (IssueCode.VALUE, "code:text=potassium"),
        (IssueCode.VALUE, "subject:Device=Patient/p1"),
        (IssueCode.VALUE, "subject:missing=perhaps"),
        (IssueCode.VALUE, "_count=many"),
        (IssueCode.VALUE, "_count=-1"),
        (IssueCode.VALUE, "_cursor=nonsense"),
        (IssueCode.VALUE, "_cursor=W1tbW1tb" + "W1tbW1tb" * 1000),
        (IssueCode.VALUE, "_cursor=WyJcdWQ4MDAiLCAxXQ"),  # a lone surrogate
        (IssueCode.VALUE, "_cursor=WyIiLCA5OTk5OTk5OTk5OTk5OTk5OTk5OTld"),  # 66 bits
        (IssueCode.VALUE, "code=a%00b"),
        (IssueCode.VALUE, "subject.name=%CC%81"),
        (IssueCode.TOO_COSTLY, "_id=" + ",".join(map(str, range(1001)))),
    ],
)
def test_what_cannot_be_read_is_refused(code, query):
    """A value or modifier that cannot be read is fatal even in lenient handling, and is not repeated."""
    mapped = search_reader.read("Observation", parse_qsl(query), base=BASE)

    assert mapped.refused
    assert [code] == [issue.code for issue in mapped.issues]
    value = query.partition("=")[2]
    assert len(value) < 3 or value not in mapped.issues[0].text


@pytest.mark.parametrize(
    "query",
    [
        "patienttt=p1",
        "_has:Provenance:target:agent=x",
        "_include=Observation:nothing",
        "_include=Nothing:subject",
        "_include=Observation:code",
        "_sort=code",
        "_sort=date,code",
        "_summary=text",
        "_total=guess",
        "_elements=id",
        "code.text=x",
        "subject:Patient.nothing=x",
        "\x00=1",
    ],
)
def test_unknown_parameters_are_ignored_and_reported_or_refused(query):
    """Lenient: a warning for each, and the self link leaves it out; strict: fatal."""
    pairs = [("status", "final"), *parse_qsl(query)]
    lenient = search_reader.read("Observation", pairs, base=BASE)
    strict = search_reader.read("Observation", pairs, base=BASE, strict=True)

    assert [Severity.WARNING] == [issue.severity for issue in lenient.issues]
    assert (("status", "final"),) == lenient.value.applied
    assert (True, False) == (strict.refused, lenient.refused)


def test_long_values_are_read_in_linear_time():
    """A megabyte of escapes is split in a moment: a form must not occupy a worker."""
    value = r"a\|b" * 200_000
    mapped = search_reader.read("Observation", [("code", value)], base=BASE)
    (match,) = mapped.value.criteria[0].alternatives
    assert match.code.startswith("a|ba|b")


def test_commas_and_bars_can_be_escaped(tmp_path):
    """A backslash takes a separator's meaning away (§3.1.1.4.0)."""
    store = open_store(tmp_path, keys.generate())
    store.write(observation("o1", identifier=[{"system": "urn:x", "value": "a,b|c\\d"}]))

    assert "o1" == find(store, r"Observation?identifier=urn:x|a\,b\|c\\d")
    assert "" == find(store, r"Observation?identifier=urn:x|a,b\|c\\d")
    store.database.close()


def test_only_current_versions_are_found(tmp_path):
    """A value that a later version no longer has finds nothing; a deleted resource is not found at all."""
    store = open_store(tmp_path, keys.generate())
    store.write(observation("o1", status="preliminary"), observation("o2"))
    store.write(observation("o1", status="final"))
    store.database.write(
        lambda connection: store.results.delete(connection, "Observation", "o2", message_id=None, now=NOW)
    ).result(timeout=30)

    assert ("", "o1", "o1") == tuple(
        find(store, f"Observation{query}") for query in ("?status=preliminary", "?status=final", "")
    )
    assert "" == find(store, "Observation?_id=o2")
    store.database.close()


HOT = [
    "Observation",
    "Observation?_id=o1",
    "Observation?patient=p1",
    "Observation?patient=p1&status=final&code=http://loinc.org|718-7&date=ge2026-11-01",
    "Observation?identifier=urn:oid:1.2.9.8|F-o1",
    "Observation?code=718-7,2823-3",
    "Observation?code=http://loinc.org|718-7,http://loinc.org|2823-3",
    "Observation?date=2026-11-20",
    "Observation?date=gt2026-11-20",
    "Observation?date=ge2026-11-20&date=lt2026-12-01",
    "Observation?date=ne2026-11-20",
    "Observation?date=sa2026-11-20",
    "Observation?_lastUpdated=gt2026-11-20",
    "Observation?_lastUpdated=gt2026-11-20&category=laboratory",
    "Observation?patient=p1&_sort=-date",
    "Observation?patient.identifier=urn:oid:1.2.3|MRN-p1",
    "Observation?subject.name=munoz",
    "Observation?patient=p1&status:not=entered-in-error&subject:missing=false",
    "Patient?name=munoz&birthdate=1970-02-01",
    "Provenance?target=Observation/o1",
    "Provenance?agent=Device/engine&recorded=ge2026",
]


@pytest.mark.parametrize("query", HOT)
@pytest.mark.parametrize("plan", [search_plan.page, search_plan.total])
def test_every_search_is_answered_by_an_index(store, query, plan):
    """No search walks through a whole table, and none through a whole type where a value is named."""
    kind, _, pairs = query.partition("?")
    asked = search_reader.read(kind, parse_qsl(pairs), base=BASE).value
    with store.database.read() as connection:
        sql = plan(asked).compile(connection, compile_kwargs={"literal_binds": True})
        if store.database.dialect == "postgresql":
            # A few rows are read faster without an index: what counts is that one could serve.
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            steps = "\n".join(row[0] for row in connection.execute(text(f"EXPLAIN {sql}")))
            assert "Seq Scan" not in steps
            return
        steps = [row[3] for row in connection.execute(text(f"EXPLAIN QUERY PLAN {sql}"))]

    assert [] == [step for step in steps if step.startswith("SCAN")]
    assert any(step.startswith("SEARCH resource_version") for step in steps)
    if "=" in pairs and "_lastUpdated" not in pairs:
        assert [] == [step for step in steps if step.endswith("ix_resource_version_recent (type=?)")]


@pytest.mark.parametrize(
    ("low", "high", "moment"),
    [
        ("2026-01-01T00:00:00.000000", "2026-12-31T23:59:59.999999", "2026"),
        ("2024-02-01T00:00:00.000000", "2024-02-29T23:59:59.999999", "2024-02"),
        ("2026-11-22T00:00:00.000000", "2026-11-22T23:59:59.999999", "2026-11-22"),
        ("2026-11-22T09:30:00.000000", "2026-11-22T09:30:59.999999", "2026-11-22T10:30+01:00"),
        ("2026-11-22T10:30:15.000000", "2026-11-22T10:30:15.999999", "2026-11-22T10:30:15Z"),
        ("2026-11-22T10:30:15.120000", "2026-11-22T10:30:15.129999", "2026-11-22T10:30:15.12Z"),
        ("2026-11-22T10:30:59.000000", "2026-11-22T10:30:59.999999", "2026-11-22T10:30:60Z"),
        ("0001-01-01T00:00:00.000000", "0001-01-01T09:59:59.999999", "0001-01-01T00:00:00+14:00"),
        ("9999-12-31T00:00:00.000000", "9999-12-31T23:59:59.999999", "9999-12-31"),
    ],
)
def test_a_date_is_the_interval_of_its_precision(low, high, moment):
    """From a year down to fractions of a second, in UTC, to the edges of the calendar."""
    span = interval(moment)
    assert low == span.low
    if moment != "0001-01-01T00:00:00+14:00":
        assert Interval(low, high) == span


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.timezones()))  # noqa: DTZ001
def test_an_interval_holds_its_moment(moment):
    """Whatever the zone, the interval of a dateTime begins at its instant and sorts with it."""
    offset = moment.utcoffset()
    if offset.seconds % 60 or abs(offset) > timedelta(hours=14):
        return
    whole = moment.replace(microsecond=0)
    span = interval(whole.isoformat())
    assert span.low[:19] == (whole - offset).replace(tzinfo=None).isoformat()
    assert span.low < span.high


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_dates_and_cursors(word):
    """Anything that is no date or cursor is None, never an exception."""
    assert interval(word) is None or len(interval(word).low) == 26
    Cursor.decode(word)


@given(
    st.lists(
        st.tuples(st.sampled_from(["_id", "date", "code", "subject", "name", "_sort", "x:y.z"]), st.text())
    )
)
def test_no_query_breaks_the_reader(pairs):
    """Any pairs become a search or issues."""
    search_reader.read("Observation", pairs, base=BASE)


def test_index_rows_of_odd_resources():
    """Wrong shapes yield no rows and no exception: validity is judged elsewhere."""
    odd = {
        "resourceType": "Observation",
        "status": ["final"],
        "code": "text",
        "subject": ["Patient/p1", {"reference": 7}, {"reference": "#contained"}],
        "effectivePeriod": {"start": "long ago"},
        "category": [{"coding": [{"display": "no code"}]}],
    }
    assert {("status", "final"), ("code", "text"), ("combo-code", "text")} == {
        (row.parameter, row.value) for row in index_rows(odd) if row.value
    }
    assert frozenset() == index_rows({"resourceType": "Basic", "id": "b"})


def test_references_lose_their_version_in_the_index():
    """A reference to one version finds the resource."""
    rows = index_rows(provenance("v", "Observation/o1/_history/3"))
    assert "Observation/o1" in {row.value for row in rows if row.parameter == "target"}


def test_contract_parameters_are_there():
    """Every type that has the element answers the parameters that the contract names."""
    for kind in ("Observation", "DiagnosticReport", "DocumentReference", "ServiceRequest", "Task"):
        assert {"identifier", "patient", "subject", "status", "date"} <= set(PARAMETERS[kind])
    for kind in ("Observation", "DiagnosticReport"):
        assert {"code", "category", "based-on"} <= set(PARAMETERS[kind])
    assert {"target", "agent", "entity"} <= set(PARAMETERS["Provenance"])
