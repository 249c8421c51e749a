"""Drafts become final by a named person, or are taken back by one: a real store, a scripted reader."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest

from integration.errors import Conflict, NotFound, SigningRefused
from integration.flows.review_acts import Amendment, Decision
from integration.flows.review_case import Kind
from integration.store import signatures
from integration.wiring import stores
from mappers.fhir import r4, signing
from mappers.fhir.labels import is_model, is_person
from mappers.fhir.result_bundle import Entry
from tests.integration.flows.test_documents import OTHER, TSH
from tests.mappers.domain.documents import row
from tests.mappers.fhir.test_extracted_bundle import RUN
from tests.support.demo_document import message
from tests.support.reviewing import ADA, MEANING, desk_in


@pytest.fixture
def desk(tmp_path):
    """One draft of two results waits."""
    with desk_in(tmp_path) as made:
        made.bench.read()
        yield made


def served(desk, kind, key):
    """The bytes of the current version."""
    with desk.bench.store.database.read() as connection:
        return desk.bench.store.results.read(connection, kind, key)


def ours(desk, kind):
    """Resources of the draft: not the sender's."""
    case = desk.reviews.show(desk.bench.all("Task")[0]["id"])
    return [each.resource for each in case.drafts if each.resource["resourceType"] == kind]


def acts(desk):
    """Provenances of what people did, oldest first."""
    found = [each for each in desk.bench.all("Provenance") if each.get("signature") or _by_person(each)]
    return sorted(found, key=lambda one: one["recorded"])


def _by_person(provenance):
    return any(each["who"].get("type") == "Practitioner" for each in provenance["agent"])


def audited(desk, kind="review."):
    """Audit records of this kind; the chain is whole."""
    assert desk.bench.store.audit.verify().whole
    return [each.event for each in desk.bench.store.audit.records() if each.event.kind.startswith(kind)]


def test_a_draft_is_shown_with_all_that_belongs_to_it(desk):
    """Results with their places, the document, the patient, why a person is asked."""
    case = desk.only()
    assert (Kind.DRAFT, True, ()) == (case.kind, case.is_open, case.changes)
    assert {"TSH", "Ferritin"} == {each.resource["code"]["text"] for each in case.results}
    assert ["DocumentReference"] == [each.resource["resourceType"] for each in case.sources]
    assert "Rossi" == case.patient.resource["name"][0]["family"]
    assert all(case.places(each.reference)[0].quote for each in case.results)
    assert "nobody has looked at them" in case.asked("reason")[0]


def test_a_case_is_found_by_its_report_too(desk):
    """By Task, by report, by bare id."""
    case = desk.only()
    for key in (case.task.reference, case.focus.reference, case.focus.resource["id"]):
        assert case.seen == desk.reviews.show(key).seen
    with pytest.raises(NotFound):
        desk.reviews.show("nothing")


def test_signing_makes_it_final(desk):
    """Report, results, note; the Task is completed by the signer; the sender's own stay as they are."""
    desk.sign()
    assert {
        "DiagnosticReport": ["final", "final"],
        "Observation": ["final", "final", "final"],
        "Task": ["completed"],
    } == desk.bench.written()
    (report,), (note,) = ours(desk, "DiagnosticReport"), ours(desk, "DocumentReference")
    assert "final" == note["docStatus"]
    who = {"type": "Practitioner", "display": "Dr Ada Rossi",
           "identifier": {"system": "https://example.org/staff", "value": "4711"}}  # fmt: skip
    assert [who] == report["resultsInterpreter"]
    assert who == note["authenticator"]
    assert () == desk.reviews.waiting()


def test_the_page_shows_name_time_and_meaning(desk):
    """In the same bytes at the report and at the note; no draft is left on it."""
    desk.sign()
    (report,), (note,) = ours(desk, "DiagnosticReport"), ours(desk, "DocumentReference")
    assert report["presentedForm"] == [each["attachment"] for each in note["content"]]
    words = " ".join(base64.b64decode(report["presentedForm"][0]["data"]).decode().split())
    assert f"Signed by Dr Ada Rossi on {report['issued'][:10]}" in words
    assert MEANING in words
    assert "DRAFT" not in words


def test_the_signature_is_bound_to_the_exact_bytes(desk):
    """Each version's SHA-256 as it is served, in Provenance and in the installation's seal."""
    desk.sign()
    (act,) = acts(desk)
    assert [MEANING] == [each["text"] for each in act["reason"]]
    bound = signing.bound_of(act)
    assert {"Observation", "DiagnosticReport", "DocumentReference"} == {
        each.reference.partition("/")[0] for each in bound
    }
    seal = base64.b64decode(act["signature"][0]["data"]).decode()
    facts = signatures.opened(desk.bench.store.keys, seal)
    assert ("Dr Ada Rossi", "ada", MEANING) == (facts["name"], facts["login"], facts["meaning"])
    sealed = {each["reference"]: (each["version"], each["sha256"]) for each in facts["targets"]}
    for each in bound:
        stored = served(desk, *each.reference.split("/"))
        digest = hashlib.sha256(stored.content)
        named = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
        assert (stored.version, f"ni:///sha-256;{named}") == (each.version, each.sha256)
        assert (stored.version, digest.hexdigest()) == sealed[each.reference]


def test_a_seal_that_was_touched_is_none(desk):
    """Another digest, another name, another key: nobody's."""
    facts = {"name": "Dr Ada Rossi"}
    keys = desk.bench.store.keys
    seal = signatures.seal(keys, facts)
    header, payload, signature = seal.split(".")
    other = base64.urlsafe_b64encode(b'{"name":"Dr Eve"}').decode().rstrip("=")
    from integration.store.keys import generate

    assert facts == signatures.opened(keys, seal)
    for touched in (f"{header}.{other}.{signature}", f"{header}.{payload}.", "x", "", seal[:-4] + "AAAA"):
        assert signatures.opened(keys, touched) is None
    assert signatures.opened(generate(), seal) is None


def test_every_version_stays_and_is_valid(desk):
    """The draft is in the history; all that was written passes as R4."""
    case = desk.only()
    desk.sign(case)
    with desk.bench.store.database.read() as connection:
        versions = desk.bench.store.results.history(
            connection, "DiagnosticReport", case.focus.resource["id"], count=9
        )
    assert ["final", "preliminary"] == [r4.decode(each.content)["status"] for each in versions]
    for kind in ("DiagnosticReport", "Observation", "DocumentReference", "Task", "Provenance"):
        assert [] == [issue for each in desk.bench.all(kind) for issue in r4.validate(each)]


def test_it_is_on_record(desk):
    """Who, what, which versions; no patient, no reason in free words."""
    case = desk.only()
    desk.reviews.tell_viewed("user:ada", [case], request_id="r1")
    desk.sign(case)
    viewed, signed = audited(desk)
    assert ("review.viewed", case.task.reference) == (viewed.kind, viewed.resource)
    assert ("review.signed", "user:ada", case.focus.reference) == (signed.kind, signed.actor, signed.resource)
    assert MEANING == signed.details["meaning"]
    assert len(case.drafts) == len(signed.details["versions"])
    assert "Rossi" not in str(viewed.details) + str(signed.details)


def test_what_a_model_said_keeps_its_label(desk):
    """A signature does not make a person the author."""
    desk.bench.reader.more = {"model_run": RUN}
    desk.bench.reader.answers = [(TSH,)]
    desk.bench.read(content=OTHER, control_id="M2", status="C", sent_at="20261122120000")
    desk.sign()
    (report,) = [each for each in desk.bench.all("DiagnosticReport", "final") if each.get("presentedForm")]
    assert is_model(report)


@pytest.mark.parametrize("reason", ["", "looks fine to me"])
def test_a_signature_needs_a_listed_meaning(desk, reason):
    """Nothing is signed without one."""
    with pytest.raises(SigningRefused, match="reviewed and approved"):
        desk.sign(reason=reason)
    assert 1 == len(desk.reviews.waiting())


def test_a_stale_draft_is_not_signed(desk):
    """It was read anew after it was shown."""
    case = desk.only()
    desk.bench.reader.answers = [(TSH, row("Ferritin", "90", "ng/mL", loinc="2276-4"))]
    desk.bench.read(control_id="M3", sent_at="20261122130000")
    with pytest.raises(Conflict, match="look again"):
        desk.sign(case)
    assert [] == acts(desk)


def test_a_draft_that_moves_during_the_signature_is_not_signed(desk, monkeypatch):
    """Between the look and the transaction, under the writer's lock."""
    import integration.flows.review_filing as module

    case = desk.only()
    drawn = module.present

    def meanwhile(*arguments, **more):
        task = {**case.task.resource, "description": "another one"}
        desk.bench.store.database.write(
            lambda connection: desk.bench.store.results.write(
                connection, [Entry(task)], message_id=None, now=stores.now()
            )
        ).result(30)
        return drawn(*arguments, **more)

    monkeypatch.setattr(module, "present", meanwhile)
    with pytest.raises(Conflict, match="meanwhile"):
        desk.sign(case)
    assert [] == desk.bench.all("DiagnosticReport", "final")[1:]
    assert [] == audited(desk)


def test_nobody_signs_twice(desk):
    """The second one is told."""
    case = desk.only()
    desk.sign(case)
    with pytest.raises(Conflict):
        desk.sign(case)
    with pytest.raises(Conflict, match="does not wait"):
        desk.sign(desk.reviews.show(case.task.reference))


def test_a_changed_patient_has_to_be_confirmed(desk):
    """The signer is told what changed, and signs when they say that they know."""
    desk.bench.receive(
        raw=message(b"", control_id="M9", sent_at="20261122150000").replace(
            b"WW-100417", b"WW-100417^^^^MR~WW-999"
        )
    )
    case = desk.only()
    if not case.changes:  # another identifier made another patient: change the stored one
        person = {**case.patient.resource, "birthDate": "1972-03-14"}
        _write(desk, person)
        case = desk.only()
    assert ["the patient's date of birth changed"] == [each.text for each in case.changes]
    with pytest.raises(SigningRefused, match="date of birth changed"):
        desk.sign(case)
    desk.sign(case, confirmed=True)
    assert audited(desk)[-1].details["changes_confirmed"]


def _write(desk, *resources):
    desk.bench.store.database.write(
        lambda connection: desk.bench.store.results.write(
            connection, [Entry(each) for each in resources], message_id=None, now=desk.clock()
        )
    ).result(30)


def test_a_merged_patient_has_to_be_confirmed(desk):
    """And the signed report is the surviving patient's."""
    case = desk.only()
    other = {**case.patient.resource, "id": "survivor"}
    gone = {
        **case.patient.resource,
        "active": False,
        "link": [{"type": "replaced-by", "other": {"reference": "Patient/survivor"}}],
    }
    _write(desk, other, gone)
    case = desk.only()
    assert "the patient was merged into another record" in [each.text for each in case.changes]
    desk.sign(case, confirmed=True)
    (report,) = ours(desk, "DiagnosticReport")
    assert "Patient/survivor" == report["subject"]["reference"]


def test_a_changed_source_has_to_be_confirmed(desk):
    """Its content is not what was read."""
    case = desk.only()
    (source,) = case.sources
    content = [{"attachment": {**source.resource["content"][0]["attachment"], "title": "x", "hash": "AAAA"}}]
    _write(desk, {**source.resource, "content": content})
    case = desk.only()
    assert ["the source's content changed"] == [each.text for each in case.changes]
    with pytest.raises(SigningRefused, match="content changed"):
        desk.sign(case)


def test_rejecting_takes_it_back(desk):
    """Entered in error, with the reason and who; nothing of it is a result any more."""
    case = desk.only()
    desk.reviews.reject(case.task.reference, desk.decision(case, "the wrong page was scanned"))
    assert {
        "DiagnosticReport": ["entered-in-error", "final"],
        "Observation": ["entered-in-error", "entered-in-error", "final"],
        "Task": ["rejected"],
    } == desk.bench.written()
    (act,) = acts(desk)
    assert ("the wrong page was scanned", "NULLIFY") == (
        act["reason"][0]["text"], act["activity"]["coding"][0]["code"],
    )  # fmt: skip
    assert "signature" not in act
    (task,) = desk.bench.all("Task")
    assert ("Dr Ada Rossi", "the wrong page was scanned") == (
        task["owner"]["display"], task["statusReason"]["text"],
    )  # fmt: skip


@pytest.mark.parametrize("reason", ["", "   ", "x" * 2001])
def test_a_rejection_needs_a_reason(desk, reason):
    """Of a length that somebody reads."""
    case = desk.only()
    with pytest.raises(SigningRefused, match="reason"):
        desk.reviews.reject(case.task.reference, desk.decision(case, reason))


@pytest.mark.parametrize("act", ["sign", "reject"])
def test_a_later_reading_does_not_touch_what_was_decided(desk, act):
    """The same document again: what a person did stands."""
    case = desk.only()
    reason = MEANING if act == "sign" else "no"
    getattr(desk.reviews, act)(case.task.reference, desk.decision(case, reason))
    before = desk.bench.written()
    desk.bench.read(control_id="M4", sent_at="20261122140000")
    assert before == desk.bench.written()


def test_amending_a_draft_leaves_it_a_draft(desk):
    """The person's value, their label, their Provenance; the earlier version stays; then it is signed."""
    case = desk.only()
    ferritin = next(each for each in case.results if each.resource["code"]["text"] == "Ferritin")
    desk.reviews.amend(
        case.task.reference,
        desk.decision(case, "the decimal point was lost"),
        Amendment(values={ferritin.reference: "<0.90"}),
    )
    case = desk.only()
    (changed,) = [each.resource for each in case.results if each.reference == ferritin.reference]
    assert ("preliminary", "0.90", "<", "ng/mL") == (
        changed["status"], str(changed["valueQuantity"]["value"]),
        changed["valueQuantity"]["comparator"], changed["valueQuantity"]["unit"],
    )  # fmt: skip
    assert is_person(changed)
    assert ["amend"] == [each["activity"]["coding"][0]["code"] for each in acts(desk)]
    desk.sign(case)
    assert ["final", "final", "final"] == desk.bench.written()["Observation"]
    words = base64.b64decode(ours(desk, "DiagnosticReport")[0]["presentedForm"][0]["data"]).decode()
    assert "<0.90 ng/mL - changed by a person" in words


def test_a_result_can_be_struck_out(desk):
    """Entered in error, and no longer in the report."""
    case = desk.only()
    gone = case.results[0].reference
    desk.reviews.amend(
        case.task.reference, desk.decision(case, "not this patient's"), Amendment(struck=frozenset({gone}))
    )
    case = desk.only()
    assert gone not in [each["reference"] for each in case.focus.resource["result"]]
    assert "entered-in-error" in desk.bench.written()["Observation"]


def test_amending_what_is_signed_is_signed_again(desk):
    """Status amended, two signatures on the page, a meaning needed."""
    case = desk.only()
    desk.sign(case)
    case = desk.reviews.show(case.task.reference)
    amendment = Amendment(values={case.results[0].reference: "3.00"})
    with pytest.raises(SigningRefused, match="means one of"):
        desk.reviews.amend(case.task.reference, desk.decision(case, "typo"), amendment)
    desk.reviews.amend(
        case.task.reference,
        desk.decision(case, "typo"),
        replace(amendment, meaning="approved with corrections"),
    )
    written = desk.bench.written()
    assert (["amended", "final"], ["amended", "final", "final"], ["completed"]) == (
        written["DiagnosticReport"], written["Observation"], written["Task"],
    )  # fmt: skip
    (note,) = ours(desk, "DocumentReference")
    assert "amended" == note["docStatus"]
    words = " ".join(base64.b64decode(note["content"][0]["attachment"]["data"]).decode().split())
    assert MEANING in words
    assert "approved with corrections" in words
    assert ["approved with corrections", "typo"] == [each["text"] for each in acts(desk)[-1]["reason"]]


@pytest.mark.parametrize(
    "amendment",
    [Amendment(), Amendment(values={"Observation/none": "1"}), Amendment(words={"impression": "x"})],
)
def test_nothing_is_amended_by_nothing(desk, amendment):
    """Neither no change nor a change of what is not there."""
    case = desk.only()
    with pytest.raises(SigningRefused):
        desk.reviews.amend(case.task.reference, desk.decision(case, "why"), amendment)


def test_what_is_signed_can_be_taken_back_by_a_person(desk):
    """Later, with a reason."""
    case = desk.only()
    desk.sign(case)
    case = desk.reviews.show(case.task.reference)
    desk.reviews.reject(case.task.reference, desk.decision(case, "wrong patient"))
    assert ["entered-in-error", "final"] == desk.bench.written()["DiagnosticReport"]
    assert ["completed"] == desk.bench.written()["Task"]


@pytest.mark.parametrize(("parts", "why"), [
    ({"content": b"", "status": "D"}, "the sender withdrew the document"),
    ({"content": OTHER, "status": "C"}, "the document was sent or read anew"),
])  # fmt: skip
def test_a_source_that_changes_after_the_signature_raises_an_alert(desk, parts, why):
    """A new question about what was signed; the signed report stays until a person decides."""
    case = desk.only()
    desk.sign(case)
    desk.bench.read(control_id="M5", sent_at="20261122160000", **parts)
    (again,) = [each for each in desk.reviews.waiting() if each.kind is Kind.AGAIN]
    assert f"signed, and then {why}" == again.asked("reason")[0]
    assert case.focus.reference == again.focus.reference
    assert "final" == again.focus.resource["status"]
    assert again.changes
    assert 1 == len(audited(desk, "review.alert"))
    with pytest.raises(SigningRefused, match="Confirm"):
        desk.sign(again)
    desk.sign(again, confirmed=True)
    assert [] == [each for each in desk.reviews.waiting() if each.kind is Kind.AGAIN]
    assert 2 == len(desk.reviews.show(case.focus.reference).signatures)


def test_an_alert_comes_with_every_change(desk):
    """What was signed is remembered: a second correction is told too."""
    desk.sign()
    desk.bench.read(control_id="M5", sent_at="20261122160000", content=OTHER, status="C")
    desk.bench.read(control_id="M6", sent_at="20261122170000", content=b"", status="D")
    assert 2 == len([each for each in desk.reviews.waiting() if each.kind is Kind.AGAIN])


def test_a_question_is_closed_with_a_reason(desk):
    """Nothing was written, so nothing can be signed."""
    from mappers.domain.extraction import PrintedKind
    from tests.mappers.domain.documents import fact

    desk.sign()
    desk.bench.reader.more = {"printed": (fact(PrintedKind.PATIENT_NAME, "Somebody Else"),)}
    desk.bench.read(control_id="Q1", content=b"%PDF-1.7 q", sent_at="20261122180000", status="C")
    (case,) = [each for each in desk.reviews.waiting() if each.kind is Kind.QUESTION]
    with pytest.raises(SigningRefused, match="close it"):
        desk.sign(case)
    with pytest.raises(SigningRefused, match="close it"):
        desk.reviews.amend(case.task.reference, desk.decision(case, "x"), Amendment())
    desk.reviews.reject(case.task.reference, desk.decision(case, "entered by hand"))
    assert [] == [each for each in desk.reviews.waiting() if each.kind is Kind.QUESTION]


class Outbox:
    """Takes what is released, and remembers."""

    def __init__(self):
        self.prepared, self.added = [], []

    def prepare(self, message_id, resources):
        self.prepared.append((message_id, [f"{r['resourceType']}/{r.get('status')}" for r in resources]))
        return self

    def add(self, connection, *, outcomes, now):
        self.added.append([each.reference for each in outcomes])


def test_what_is_signed_leaves_and_a_draft_does_not(tmp_path):
    """In the transaction of the signature; amending or rejecting a draft sends nothing."""
    outbox = Outbox()
    with desk_in(tmp_path, releasing=outbox) as desk:
        desk.bench.read()
        case = desk.only()
        desk.reviews.amend(
            case.task.reference,
            desk.decision(case, "typo"),
            Amendment(values={case.results[0].reference: "3"}),
        )
        assert [] == outbox.prepared
        desk.sign()
    ((message_id, sent),) = outbox.prepared
    assert message_id
    assert {"DiagnosticReport/final", "Observation/final", "DocumentReference/current"} <= set(sent)
    assert "DiagnosticReport/preliminary" not in sent
    assert 1 == len(outbox.added)


def test_a_store_that_fails_keeps_nothing(desk, monkeypatch):
    """All or nothing: the audit record cannot be written, so nothing is signed."""
    import integration.flows.review_filing as module

    before = desk.bench.written()

    def broken(*_):
        raise Conflict("the disk is full")

    monkeypatch.setattr(module.audit, "append", broken)
    with pytest.raises(Conflict, match="disk"):
        desk.sign()
    assert before == desk.bench.written()


def test_who_decides_is_a_parameter_of_the_decision(desk):
    """From a shell the user of the operating system is named too."""
    case = desk.only()
    person = replace(ADA, login="", number=None, shell_user="root")
    desk.reviews.sign(case.task.reference, Decision(person=person, seen=case.seen, reason=MEANING))
    (act,) = acts(desk)
    roles = {each["type"]["coding"][0]["code"]: each["who"].get("display") for each in act["agent"]}
    assert ("Dr Ada Rossi", "user root of the operating system") == (roles["verifier"], roles["enterer"])
    assert "root" == audited(desk)[-1].details["shell_user"]


def test_a_signed_report_is_queued_with_its_signature(desk, tmp_path):
    """As wiring builds it: in one commit, for the destinations of the message that the draft came from."""
    from integration.settings import Settings
    from integration.store.delivery_records import DeliveryFilter
    from integration.wiring.review import build_reviews

    store = desk.bench.store
    settings = Settings(
        store={"url": f"sqlite:///{tmp_path / 'store.sqlite'}"},
        destinations={"ehr": {"kind": "folder", "path": str(tmp_path / "out")}},
        channels={"default": {"destinations": ["ehr"]}},
        audit={"organization": "St. Elsewhere"},
    )
    reviews = build_reviews(settings, store)
    case = reviews.show(desk.only().task.reference)
    assert () == tuple(store.outbox.list(DeliveryFilter()))
    person = reviews.terms.at_the_shell("Dr Ada Rossi", shell_user="root")
    reviews.sign(case.task.reference, Decision(person=person, seen=case.seen, reason=MEANING))
    queued = store.outbox.list(DeliveryFilter())
    assert ["ehr"] == [each.destination for each in queued]
    assert case.task.message_id == queued[0].message_id
    (act,) = acts(desk)
    assert {"St. Elsewhere"} == {each["onBehalfOf"]["display"] for each in act["agent"]}
