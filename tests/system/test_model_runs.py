"""A model is never asked twice, whatever dies: `kill -9` after its answer, and a worker that must not ask."""

from __future__ import annotations

import json
import sqlite3

import pytest

from integration.clients.mllp import Receiver, Sender
from tests.support.demo_document import message, prose
from tests.support.serving import wait_for
from tests.system.test_kills import Roles

pytestmark = pytest.mark.system
ANSWER = {
    "results": [
        {"page": 1, "name": "Ferritin", "value": "9", "unit": "ng/mL", "reference_range": None, "flag": None}
    ]
}


@pytest.fixture
def roles(tmp_path):
    """An installation with a scripted model, whose processes end with the test."""
    installation = Roles(tmp_path)
    script = tmp_path / "answers.json"
    script.write_text(json.dumps([ANSWER]))
    installation.template.environment |= {
        "WARDWIRE_MODELS__MEDGEMMA__BACKEND": "scripted",
        "WARDWIRE_MODELS__MEDGEMMA__MODEL": str(script),
    }
    yield installation
    for process in installation.running:
        process.kill()
        process.wait()


def one(roles: Roles, query: str) -> object:
    """The first row of a question to the database."""
    with sqlite3.connect(roles.folder / "wardwire.sqlite") as connection:
        return connection.execute(query).fetchone()


def test_a_killed_worker_does_not_repeat_a_finished_run(roles: Roles) -> None:
    """The second worker dies if it asks the model anything, and finishes the reading."""
    roles.start("mllp")
    receiver = Receiver(host="127.0.0.1", port=roles.template.mllp_port, answer_seconds=20)
    with Sender(receiver) as sender:
        assert "AA" == sender.send(message(prose())).code
    dying = roles.start("work", dying_at="after-run")
    assert -9 == dying.wait(timeout=60)
    assert (1,) == one(roles, "SELECT count(*) FROM model_run")
    assert (0,) == one(roles, "SELECT count(*) FROM resource_version WHERE type = 'Task'")

    roles.start("work", dying_at="in-model")
    wait_for(
        lambda: one(roles, "SELECT state FROM extraction") == ("processed",), seconds=60, what="the reading"
    )
    assert (1,) == one(roles, "SELECT count(*) FROM model_run")
    assert (1,) == one(roles, "SELECT count(*) FROM resource_version WHERE type = 'Task'")
    assert (2,) == one(roles, "SELECT count(*) FROM resource_version WHERE type = 'Device'")


def test_a_worker_that_must_not_ask_would_die(roles: Roles) -> None:
    """The other test can fail: without a finished run the model is asked."""
    roles.start("mllp")
    receiver = Receiver(host="127.0.0.1", port=roles.template.mllp_port, answer_seconds=20)
    with Sender(receiver) as sender:
        assert "AA" == sender.send(message(prose())).code
    assert -9 == roles.start("work", dying_at="in-model").wait(timeout=60)
