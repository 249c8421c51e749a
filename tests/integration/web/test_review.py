"""The pages of sign-off over a store with a real draft: who sees what, who decides, and what a browser may do."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from integration.settings import Settings
from integration.web.review.words import marked, quoted
from integration.wiring import webs
from mappers.fhir.result_bundle import Entry
from tests.integration.flows.test_documents import PDF, Bench
from tests.integration.web.test_pages import Page
from tests.mappers.domain.documents import row

MEANING = "reviewed and approved"
ATTACK = "<script>alert(1)</script>"
SIGNERS = {"ada": {"name": "Dr Ada Rossi"}}


class Site:
    """The application over the bench's store."""

    def __init__(self, folder, *, review=None, tokens="", bench=None) -> None:
        self.bench = bench or Bench(folder)
        web = {}
        if tokens:
            file = folder / "tokens"
            file.write_text(tokens, encoding="utf-8")
            web = {"token_file": file}
        settings = Settings(
            store={"url": f"sqlite:///{folder / 'store.sqlite'}"},
            review={"local_names": True} if review is None else review,
            web=web,
        )
        self.app = webs.build_application(settings)
        self.client = self.app.test_client()
        self.headers = {"Host": "localhost"}

    def get(self, path, **headers):
        """A page."""
        return self.client.get(path, headers={**self.headers, **headers})

    def case(self):
        """The address of the only case, and its page."""
        (path,) = set(re.findall(r'href="(/review/[0-9a-f-]+)"', self.get("/review").text))
        return path, self.get(path).text

    def post(self, path, page, act, headers=None, **fields):
        """A form of that page, filled in."""
        hidden = dict(re.findall(r'name="(token|seen)" value="([^"]*)"', page))
        return self.client.post(
            f"{path}/{act}", data={**hidden, **fields}, headers={**self.headers, **(headers or {})}
        )

    def audited(self):
        """Kinds and actors on record."""
        return [(each.event.kind, each.event.actor) for each in self.bench.store.audit.records()]


@pytest.fixture
def site(tmp_path):
    """One draft waits; callers of this machine sign by the name they type."""
    made = Site(tmp_path)
    made.bench.read()
    yield made
    made.bench.store.database.close()


def line(name: str, secret: str) -> str:
    return f"{name}:{hashlib.sha256(secret.encode()).hexdigest()}\n"


def bearer(secret: str) -> str:
    return "Basic " + base64.b64encode(f"x:{secret}".encode()).decode()


def test_a_draft_is_signed_from_its_page(site):
    """List, page, form, final."""
    path, page = site.case()
    for said in ("Ferritin", "9 ng/mL", "Rossi, Giulia Anna", "Why a person is asked"):
        assert said in page
    answer = site.post(path, page, "sign", name="Dr Ada Rossi", meaning=MEANING)
    assert (303, f"{path}?done=signed") == (answer.status_code, answer.headers["Location"])
    after = site.get(f"{path}?done=signed").text
    assert "Signed. The report is final." in after
    assert "Signed by <strong>Dr Ada Rossi</strong>" in after
    assert "Nothing waits." in site.get("/review").text


def test_every_view_is_on_record_before_it_is_shown(site):
    """List, page, PDF; by whom."""
    path, _ = site.case()
    assert 200 == site.get(f"{path}/report.pdf").status_code
    assert [("review.viewed", "127.0.0.1")] * 3 == [
        each for each in site.audited() if each[0] == "review.viewed"
    ]


def test_rejecting_and_amending_from_the_page(site):
    """With a reason; the change is a person's."""
    path, page = site.case()
    name = re.search(r'name="(value Observation/[0-9a-f-]+)" maxlength="2000" value="9"', page)[1]
    answer = site.post(path, page, "amend", name="Ada Rossi", reason="misread", **{name: "0.90"})
    assert 303 == answer.status_code
    page = site.get(path).text
    assert "0.90 ng/mL" in page
    assert "changed by a person" in page
    assert 303 == site.post(path, page, "reject", name="Ada Rossi", reason="no use").status_code
    assert ["entered-in-error", "final"] == site.bench.written()["DiagnosticReport"]


@pytest.mark.parametrize("act", ["sign", "reject", "amend"])
def test_a_form_of_another_site_is_refused(site, act):
    """Without our token, with another case's, from elsewhere: 403, and nothing is done."""
    path, page = site.case()
    fields = {"name": "Eve", "meaning": MEANING, "reason": "x"}
    bare = site.client.post(f"{path}/{act}", data=fields, headers=site.headers)
    other = site.post(path, page.replace('name="token" value="', 'name="token" value="0'), act, **fields)
    origin = site.post(path, page, act, headers={"Origin": "https://evil.example"}, **fields)
    assert 403 == site.post(path, page, act, headers={"Origin": "null"}, **fields).status_code
    fetched = site.post(path, page, act, headers={"Sec-Fetch-Site": "cross-site"}, **fields)
    assert [403] * 4 == [each.status_code for each in (bare, other, origin, fetched)]
    assert ["final", "preliminary"] == site.bench.written()["DiagnosticReport"]


def test_our_own_origin_is_taken(site):
    """What a browser sends with a form of ours."""
    path, page = site.case()
    ours = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert 303 == site.post(path, page, "sign", headers=ours, name="Ada Rossi", meaning=MEANING).status_code


def test_a_stale_page_is_told_to_look_again(site):
    """409, the page of now, nothing signed."""
    path, page = site.case()
    site.post(path, page, "amend", name="Ada Rossi", reason="x", **{
        re.search(r'name="(value Observation/[0-9a-f-]+)"', page)[1]: "7"
    })  # fmt: skip
    answer = site.post(path, page, "sign", name="Ada Rossi", meaning=MEANING)
    assert 409 == answer.status_code
    assert "look again" in answer.text
    assert ["final", "preliminary"] == site.bench.written()["DiagnosticReport"]


def test_a_changed_source_is_told_and_confirmed(site):
    """422 without the confirmation."""
    path, _ = site.case()
    document = next(each for each in site.bench.all("DocumentReference") if each["docStatus"] == "final")
    store = site.bench.store
    meta = {k: v for k, v in document["meta"].items() if k not in ("versionId", "lastUpdated")}
    from integration.wiring import stores

    store.database.write(
        lambda connection: store.results.write(
            connection, [Entry({**document, "meta": meta, "status": "entered-in-error"})],
            message_id=None, now=stores.now(),
        )
    ).result(30)  # fmt: skip
    page = site.get(path).text
    assert "the source was withdrawn" in page
    assert 422 == site.post(path, page, "sign", name="Ada Rossi", meaning=MEANING).status_code
    assert 303 == site.post(path, page, "sign", name="Ada Rossi", meaning=MEANING, confirm="yes").status_code


@pytest.mark.parametrize(
    "fields", [{"name": "Ada Rossi", "meaning": "anything"}, {"name": " ", "meaning": MEANING}, {}]
)
def test_what_is_missing_is_told(site, fields):
    """422 with the page and what was typed."""
    path, page = site.case()
    answer = site.post(path, page, "sign", **fields)
    assert 422 == answer.status_code
    assert 'role="alert"' in answer.text


def test_what_was_typed_is_not_lost(site):
    """A refused amendment comes back filled in."""
    path, page = site.case()
    name = re.search(r'name="(value Observation/[0-9a-f-]+)"', page)[1]
    answer = site.post(path, page, "amend", reason="a long explanation", name=" ", **{name: "77"})
    assert 422 == answer.status_code
    assert "a long explanation" in answer.text
    assert 'value="77"' in answer.text


def test_tokens_decide_who_signs(tmp_path):
    """A listed one under their listed name, whatever they type; others look; nobody without a token."""
    tokens = line("ada", "a" * 32) + line("eve", "e" * 32)
    site = Site(tmp_path, review={"signers": SIGNERS}, tokens=tokens)
    site.bench.read()
    assert 401 == site.get("/review").status_code
    site.headers["Authorization"] = bearer("e" * 32)
    path, page = site.case()
    assert "You may look, and not decide" in page
    assert '<form method="post"' not in page
    forged = {"token": "", "seen": re.search(r"seen ([0-9a-f]{16})", page)[1]}
    assert 403 == site.post(path, "", "sign", **forged, name="Dr Ada Rossi", meaning=MEANING).status_code
    site.headers["Authorization"] = bearer("a" * 32)
    page = site.get(path).text
    assert 303 == site.post(path, page, "sign", name="Somebody Else", meaning=MEANING).status_code
    assert "Signed by <strong>Dr Ada Rossi</strong>" in site.get(path).text
    assert ("review.signed", "user:ada") in site.audited()
    site.bench.store.database.close()


def test_a_form_is_good_for_who_opened_it(tmp_path):
    """Another caller's token of a form is none."""
    tokens = line("ada", "a" * 32) + line("bob", "b" * 32)
    signers = {**SIGNERS, "bob": {"name": "Dr Bob"}}
    site = Site(tmp_path, review={"signers": signers}, tokens=tokens)
    site.bench.read()
    site.headers["Authorization"] = bearer("a" * 32)
    path, page = site.case()
    site.headers["Authorization"] = bearer("b" * 32)
    assert 403 == site.post(path, page, "sign", meaning=MEANING).status_code
    site.bench.store.database.close()


def test_without_tokens_nobody_signs_unless_the_settings_say_so(tmp_path):
    """The default: look, and no more."""
    site = Site(tmp_path, review={})
    site.bench.read()
    _, page = site.case()
    assert '<form method="post"' not in page
    site.bench.store.database.close()


def test_what_others_wrote_is_text(tmp_path):
    """Names, results, quotes, reasons and file names with markup in them."""
    site = Site(tmp_path)
    site.bench.reader.answers = [(row(ATTACK, "9", ATTACK, loinc="2276-4"),)]
    from tests.support.demo_document import message

    raw = message(PDF, control_id="X1").replace(b"Rossi^Giulia", ATTACK.encode() + b"^Giulia")
    site.bench.read(raw=raw, control_id="X1")
    path, page = site.case()
    for html in (page, site.get("/review").text):
        assert "script" not in Page(html).tags
        assert "&lt;script&gt;" in html
    answer = site.post(path, page, "sign", name=f"Ada {ATTACK}", meaning="x")
    assert "script" not in Page(answer.text).tags
    site.bench.store.database.close()


def test_the_pages_run_no_script_and_take_forms_to_us_alone(site):
    """The policy of the other pages, with forms and recordings of ours."""
    path, page = site.case()
    policy = site.get(path).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "script-src" not in policy
    assert "no-store" == site.get(path).headers["Cache-Control"]
    assert "same-origin" == site.get(path).headers["Referrer-Policy"]
    assert "form-action 'none'" in site.get("/").headers["Content-Security-Policy"]
    assert "style=" not in page


@pytest.mark.parametrize("path", ["/review/nothing", "/review/../x", "/review/x/source/0/page/1.png"])
def test_what_is_not_there(site, path):
    """404, as a page."""
    assert 404 == site.get(path).status_code


@pytest.mark.parametrize(
    "what", ["source/7/page/1.png", "source/0/sound", "picture/0.png", "report/page/99.png"]
)
def test_parts_that_are_not_there(site, what):
    """404: no other source, no sound in a PDF, no picture, no such page."""
    path, _ = site.case()
    assert 404 == site.get(f"{path}/{what}").status_code


def test_a_recording_is_played_in_parts(site):
    """A browser asks for ranges."""
    store = site.bench.store
    document = next(each for each in site.bench.all("DocumentReference") if each["docStatus"] == "final")
    wav = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(64)
    data = {"contentType": "audio/wav", "data": base64.b64encode(wav).decode()}
    meta = {k: v for k, v in document["meta"].items() if k not in ("versionId", "lastUpdated")}
    from integration.wiring import stores

    store.database.write(
        lambda connection: store.results.write(
            connection, [Entry({**document, "meta": meta, "content": [{"attachment": data}]})],
            message_id=None, now=stores.now(),
        )
    ).result(30)  # fmt: skip
    path, page = site.case()
    assert "<audio controls" in page
    part = site.get(f"{path}/source/0/sound", Range="bytes=0-3")
    assert (206, b"RIFF", "audio/wav") == (part.status_code, part.data, part.headers["Content-Type"])


def test_denials_and_sides_are_marked():
    """In several languages; the text stays whole."""
    text = "No pneumothorax; opacity in the left base, nicht rechts. Noted."
    pieces = marked(text)
    assert text == "".join(part for part, _ in pieces)
    assert [("No", "neg"), ("left", "side"), ("nicht", "neg"), ("rechts", "side")] == [
        p for p in pieces if p[1]
    ]


def test_quotes_are_marked_in_their_text():
    """Longest first, the text whole."""
    text = "Ferritin 9 ng/mL (low). 9 days."
    pieces = quoted(text, ["9", "Ferritin 9 ng/mL", ""])
    assert text == "".join(part for part, _ in pieces)
    assert ["Ferritin 9 ng/mL", "9"] == [part for part, kind in pieces if kind == "quote"]
