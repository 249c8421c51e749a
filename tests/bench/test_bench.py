"""The measurements measure what they say: messages, programs and arithmetic, without taking long."""

import pytest

from tests.bench import machine
from tests.bench.convert import _summary
from tests.bench.load import measure
from tests.bench.messages import oru, orus
from tests.bench.tables import table
from tests.bench.targets import bare, listener_alone


def test_the_message_has_nine_segments():
    """As the goals say."""
    assert [segment[:3] for segment in oru(7).rstrip(b"\r").split(b"\r")] == [
        b"MSH", b"PID", b"PV1", b"ORC", b"OBR", b"OBX", b"OBX", b"OBX", b"SPM"
    ]  # fmt: skip


def test_no_two_messages_are_alike():
    """Nothing is measured twice because it is remembered."""
    messages = orus(100)
    assert len(set(messages)) == 100


@pytest.mark.parametrize(
    "start",
    [lambda home: bare(home, "plain"), lambda home: bare(home, "tuned"), listener_alone],
    ids=["plain", "tuned", "alone"],
)
def test_the_programs_answer_every_message(tmp_path, start):
    """The comparison is with programs that do what is asked of them."""
    program = start(tmp_path / "home")
    try:
        program.sleep()
        with program.awake():
            seen = measure(program.port, connections=3, count=50, tag="T")
        assert (seen.sent, seen.accepted) == (50, 50)
        assert program.rss_mib() > 1
        assert program.cpu_seconds() > 0
    finally:
        program.stop()


def test_what_could_not_be_installed_is_said():
    """A missing peer is a row, not an error."""
    assert _summary([{"median": 1.0, "p95": 2.0, "resources": {}}], [])["resources"] == "not installed"
    assert _summary([], [{"failed": "ImportError: x"}])["resources"] == "ImportError: x"


def test_ratios_are_taken_within_a_round():
    """A slow round of both cancels out."""
    ours = [{"median": 1.0, "p95": 1, "resources": {}}, {"median": 10.0, "p95": 1, "resources": {}}]
    its = [
        {"median": 2.0, "p95": 1, "resources": {}},
        {"median": 20.0, "p95": 1, "resources": {"Patient": 1}},
    ]
    summary = _summary(ours, its)
    assert (summary["ours_to_it"], summary["median_ms"], summary["resources"]) == (0.5, 11_000, "Patient:1")


def test_tables_line_up():
    """Numbers to the right, words to the left."""
    printed = table(("name", "n"), [("a", 1), ("bcde", 1.5)])
    assert printed.splitlines() == ["name     n", "----  ----", "a        1", "bcde  1.50"]


def test_the_machine_is_named(tmp_path):
    """Figures without a machine mean nothing."""
    found = machine.stamp(tmp_path)
    assert {"cpu", "cores", "python", "file_system", "fsync_ms"} <= set(found)
    assert str(found["python"]) in machine.sentence(found)
