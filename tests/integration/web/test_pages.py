"""The landing page: counts, recent messages by id and state, links; everything escaped, nothing from elsewhere."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from integration.errors import StoreUnavailable
from integration.states import MessageState
from tests.support.results import observation, patient
from tests.support.web import failing, passing, stored_message


class Page(HTMLParser):
    """Tags, links and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]
        assert "style" not in dict(attrs), "the policy allows no inline style"

    def handle_data(self, data):
        self.words.append(data)


def test_the_overview(web):
    """Counts by state, resources by type, recent messages, checks."""
    web.inbox.states = {MessageState.PARKED: 2}
    web.inbox.stored = [
        stored_message(id="01a2-newest", state=MessageState.PARKED, size=3_500_000),
        stored_message(id="01a2-older", state=MessageState.PROCESSED),
    ]
    web.store.write(patient(), observation(), observation("o2"))
    web.services = replace(web.services, probes=(passing("store"), failing("worker", required=False)))

    answer = web.get("/")
    page = Page(answer.text)
    assert 200 == answer.status_code
    assert "2 parked waiting for a human" in page.text
    assert "ORU^R01 on lab 01a2-newest parked 2026-11-22 09:30:15 3.3 MiB" in page.text
    assert page.text.index("01a2-newest") < page.text.index("01a2-older")
    assert "Observation 2 Patient 1" in page.text
    assert "degraded" in page.text
    assert {"/fhir/Observation", "/fhir/metadata", "/readyz", "/metrics"} <= set(page.links)


def test_no_patient_is_on_the_page(web):
    """Neither names nor identifiers nor values."""
    web.store.write(patient(), observation(value="5.50"))
    text = web.get("/").text
    for secret in ("Muñoz", "MRN-p1", "5.50", "Patient/p1", "F-o1"):
        assert secret not in text


def test_everything_is_escaped(web):
    """What a sender wrote into MSH-9 or what a setting names is text, never markup."""
    attack = "<script>alert(1)</script>"
    web.inbox.stored = [stored_message(trigger=attack, channel=attack, id='"><img src=x onerror=alert(1)>')]
    page = Page(web.get("/").text)
    assert "script" not in page.tags
    assert ["/static/mark.svg"] == [link for link in page.links if link.endswith(".svg")][:1]
    assert 1 == page.tags.count("img")


def test_nothing_comes_from_elsewhere(web):
    """Every link stays here, and every file of the page is there."""
    links = Page(web.get("/").text).links
    assert [] == [link for link in links if not link.startswith("/")]
    for link in links:
        assert 200 == web.get(link).status_code
    css = web.get("/static/wardwire.css").text
    assert [] == re.findall(r"url\(|@import|https?:", css)


def test_an_empty_engine_says_what_to_do(web):
    """The first visit shows the command that brings the first message."""
    assert "wardwire send FILE" in Page(web.get("/").text).text


def test_a_store_that_is_down(web, monkeypatch):
    """The page still comes and says so."""

    def down():
        raise StoreUnavailable("down")

    monkeypatch.setattr(web.inbox, "counts", down)
    page = Page(web.get("/").text)
    assert "not ready" in page.text
    assert "the store does not answer" in page.text


@pytest.mark.parametrize(("status", "method", "path"), [(404, "GET", "/nothing"), (405, "POST", "/")])
def test_errors_outside_fhir_are_pages(web, status, method, path):
    """With the way back."""
    answer = web.client.open(path, method=method, headers={"Host": "localhost"})
    assert (status, "text/html; charset=utf-8") == (answer.status_code, answer.headers["Content-Type"])
    assert "/" in Page(answer.text).links
