"""Sign-off in a real browser: a clinician reads, signs, rejects, is told what changed; no script ever runs.

Chromium and playwright's client; what it draws can be looked at with WARDWIRE_TEST_SCREENSHOTS=folder.
"""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from integration.settings import Settings
from integration.wiring import extraction, stores, webs
from mappers.fhir import r4
from mappers.fhir.result_bundle import Entry
from tests.integration.flows.test_documents import Bench
from tests.support.demo_document import RESULTS, message, pdf

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
]
ATTACK = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser():
    """One for all tests."""
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def bench(tmp_path):
    """A store with a draft that was really read off a PDF, and its pages on a port."""
    made = Bench(tmp_path)
    settings = Settings(store={"url": f"sqlite:///{tmp_path / 'store.sqlite'}"}, review={"local_names": True})
    made.flow = extraction.build_flow(settings, made.store)
    made.read(raw=message(pdf(), control_id="B1").replace(b"^Anna^", f"^{ATTACK}^".encode()), control_id="B1")
    server = make_server("127.0.0.1", 0, webs.build_application(settings), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made.base = f"http://localhost:{server.server_port}"
    yield made
    server.shutdown()
    made.store.database.close()


@pytest.fixture
def page(browser, bench):
    """A tab; whatever a page says on its console, and any dialog, fails the test."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    said: list[str] = []
    tab.on("console", lambda line: said.append(line.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("dialog", lambda dialog: (said.append("a dialog"), dialog.dismiss()))
    yield tab
    tab.close()
    # A browser reports answers of 4xx, which some tests want.
    assert [] == [line for line in said if "status of 4" not in line]


def shoot(page, name):
    """A picture for people, where they want one."""
    folder = os.environ.get("WARDWIRE_TEST_SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def opened(page, bench):
    """The page of the only case, from the list."""
    page.goto(f"{bench.base}/review")
    shoot(page, "list")
    page.click("a.cover")
    page.wait_for_load_state("networkidle")


def test_a_clinician_signs(page, bench):
    """Reads the page with its frames beside the values, names themselves, and it is final."""
    opened(page, bench)
    shoot(page, "draft")
    assert page.evaluate("document.querySelector('.source img').naturalWidth") > 500
    assert len(RESULTS) == page.locator(".result").count()
    page.fill("#sign-name", "Dr Ada Rossi")
    page.select_option("#sign-meaning", "reviewed and approved")
    page.click("button.primary")
    assert "Signed. The report is final." in page.inner_text("[role=status]")
    assert "Signed by Dr Ada Rossi" in page.inner_text(".signed")
    shoot(page, "signed")
    assert ["final", "final"] == bench.written()["DiagnosticReport"]


def test_by_keyboard_alone(page, bench):
    """Tab to the name, type, tab to the button, Enter."""
    opened(page, bench)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "sign-name":
            break
    page.keyboard.type("Dr Ada Rossi")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**done=signed")
    assert ["final", "final"] == bench.written()["DiagnosticReport"]


def test_a_clinician_rejects(page, bench):
    """Opens the form, says why."""
    opened(page, bench)
    page.click("summary:has-text('Reject')")
    page.fill("#reject-name", "Dr Ada Rossi")
    page.fill("#reject-reason", "the wrong page was scanned")
    page.click("button.danger")
    assert "entered in error" in page.inner_text("[role=status]")
    shoot(page, "rejected")


def test_a_clinician_amends(page, bench):
    """Another value; the page shows whose it is."""
    opened(page, bench)
    page.click("summary:has-text('Amend')")
    page.locator("fieldset", has_text="Ferritin").locator("input[name^=value]").fill("90")
    page.fill("#amend-name", "Dr Ada Rossi")
    page.fill("#amend-reason", "a digit was lost")
    shoot(page, "amending")
    page.click("button:has-text('Amend the draft')")
    assert "90 ng/mL" in page.inner_text(".result.human")
    shoot(page, "amended")


def test_a_stale_page_is_refused(page, bench):
    """Somebody else was faster: told to look again."""
    opened(page, bench)
    task = page.url.rpartition("/")[2]
    store = bench.store
    with store.database.read() as connection:
        stored = r4.decode(store.results.read(connection, "Task", task).content)
    changed = {**stored, "meta": {k: v for k, v in stored["meta"].items() if k in ("source", "security", "tag")},
               "description": "another one"}  # fmt: skip
    _write(store, changed)
    page.fill("#sign-name", "Dr Ada Rossi")
    page.click("button.primary")
    assert "look again" in page.inner_text("[role=alert]")
    shoot(page, "stale")
    assert ["final", "preliminary"] == bench.written()["DiagnosticReport"]


def test_a_changed_source_is_told_and_confirmed(page, bench):
    """The browser asks for the tick; with it the report is signed."""
    document = next(each for each in bench.all("DocumentReference") if each["docStatus"] == "final")
    meta = {k: v for k, v in document["meta"].items() if k in ("source", "security", "tag")}
    _write(bench.store, {**document, "meta": meta, "status": "entered-in-error"})
    opened(page, bench)
    assert "the source was withdrawn" in page.inner_text("[role=alert]")
    shoot(page, "changed")
    page.fill("#sign-name", "Dr Ada Rossi")
    page.click("button.primary")
    assert ["final", "preliminary"] == bench.written()["DiagnosticReport"]
    page.check("#sign-confirm")
    page.click("button.primary")
    assert "Signed" in page.inner_text("[role=status]")


def _write(store, resource):
    store.database.write(
        lambda connection: store.results.write(
            connection, [Entry(resource)], message_id=None, now=stores.now()
        )
    ).result(30)


def test_it_fits_a_telephone(page, bench):
    """400 pixels, nothing to scroll sideways."""
    opened(page, bench)
    page.set_viewport_size({"width": 400, "height": 800})
    shoot(page, "narrow")
    assert 400 == page.evaluate("document.documentElement.scrollWidth")


def test_what_others_wrote_stays_text(page, bench):
    """A name with markup in it is shown as it was sent; nothing loads, nothing runs."""
    opened(page, bench)
    assert ATTACK in page.inner_text(".facts")
    assert 0 == page.locator("img[src=x]").count()
