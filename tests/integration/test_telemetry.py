"""Logs carry no patient: a marker is planted everywhere a log line could take it from."""

from __future__ import annotations

import ast
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import stamina
import structlog
from prometheus_client import CollectorRegistry, generate_latest

import integration
from integration import telemetry

MARKER = "Zyxwvut^Patientname"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """The stream that a configured process logs to; the test process gets its own logging back."""
    root = logging.getLogger()
    kept = (root.handlers, root.level, logging.raiseExceptions, sys.excepthook, threading.excepthook)
    unraisable, levels = sys.unraisablehook, {}
    for name in root.manager.loggerDict:
        known = logging.getLogger(name)
        levels[name] = (known.handlers, known.propagate, known.level)
    stream = io.StringIO()
    telemetry.configure(role="work", stream=stream)
    yield stream
    root.handlers, root.level, logging.raiseExceptions, sys.excepthook, threading.excepthook = kept
    sys.unraisablehook = unraisable
    for name, (handlers, propagate, level) in levels.items():
        known = logging.getLogger(name)
        known.handlers, known.propagate = handlers, propagate
        known.setLevel(level)
    logging.captureWarnings(capture=False)
    stamina.instrumentation.set_on_retry_hooks(None)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def read(stream: io.StringIO) -> list[dict]:
    """The log lines, after making sure that none of them holds the marker."""
    text = stream.getvalue()
    assert MARKER not in text
    return [json.loads(line) for line in text.splitlines()]


def failing() -> None:
    raise ValueError(f"cannot read {MARKER}") from KeyError(MARKER)


def test_known_keys_pass(lines):
    """A line has its event, level, time, logger, role, pid and the allowed keys."""
    telemetry.logger("integration.flows.intake").info("received", message_id="m-1", count=3)

    (line,) = read(lines)
    assert "T" in line.pop("time")
    assert isinstance(line.pop("pid"), int)
    assert {
        "event": "received",
        "level": "info",
        "logger": "integration.flows.intake",
        "role": "work",
        "message_id": "m-1",
        "count": 3,
    } == line


def test_unknown_keys_are_withheld(lines):
    """A key that is not on the list shows that it was there, not what it held."""
    telemetry.logger("integration.x").info("received", patient=MARKER, raw=MARKER.encode())

    (line,) = read(lines)
    assert (telemetry.WITHHELD, telemetry.WITHHELD) == (line["patient"], line["raw"])


def test_objects_are_only_named(lines):
    """An allowed key with an object in it shows the object's type, so that no repr leaks."""
    telemetry.logger("integration.x").info("received", reason=SimpleNamespace(name=MARKER))

    assert "<SimpleNamespace>" == read(lines)[0]["reason"]


def test_an_exception_shows_its_types_only(lines):
    """Type, cause and our own frames are printed; text, arguments and locals are not."""
    try:
        failing()
    except ValueError:
        telemetry.logger("integration.x").exception("step failed")

    (line,) = read(lines)
    assert "ValueError < KeyError" == line["error"]
    assert [] == line["frames"]  # no frame of the packages was on the way


def test_frames_are_file_and_line_of_our_packages():
    """Frames of our packages are printed as path and line, others are left out."""
    code = compile("def f():\n    raise ValueError\n", "/srv/integration/flows/intake.py", "exec")
    module = {"__name__": "integration.flows.intake"}
    exec(code, module)  # a frame as the real module would have it
    with pytest.raises(ValueError) as caught:
        module["f"]()

    assert ["integration/flows/intake.py:2"] == telemetry.frames(caught.value)


@pytest.mark.parametrize(
    "say",
    [
        lambda log: log.warning("GET http://host/Patient?name=%s", MARKER),
        lambda log: log.warning(f"row {MARKER}"),  # noqa: G004
        lambda log: log.error("failed", extra={"row": MARKER}),
        lambda log: log.error("failed %s", exc_info=ValueError(MARKER)),
        lambda log: log.error("bad %s %s arguments", MARKER),  # noqa: PLE1206
    ],
    ids=["arguments", "formatted", "extra", "exception", "wrong-arguments"],
)
@pytest.mark.parametrize(
    "name", ["httpx2", "dbos", "sqlalchemy.engine", "gunicorn.error", "werkzeug", "asyncio"]
)
def test_a_library_message_shows_where_not_what(lines, name, say):
    """Whatever a library logs, only logger, file and line are printed."""
    say(logging.getLogger(name))

    (line,) = read(lines)
    assert "library message" == line["event"]
    assert name == line["logger"]
    assert line["location"].startswith("test_telemetry.py:")


def test_libraries_speak_from_warning(lines):
    """What libraries log at INFO (full URLs among it) is not printed at all."""
    logging.getLogger("httpx2").info("HTTP Request: GET %s", MARKER)

    assert [] == read(lines)


def test_handlers_that_libraries_installed_are_removed():
    """A handler that was there before cannot print past the allow-list."""
    before = io.StringIO()
    loud = logging.getLogger("wardwire_test_library")
    loud.addHandler(logging.StreamHandler(before))
    loud.propagate = False
    kept = logging.getLogger().handlers
    try:
        telemetry.configure(role="web", stream=io.StringIO())
        loud.warning(MARKER)
    finally:
        logging.getLogger().handlers = kept
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()

    assert "" == before.getvalue()


def test_uncaught_exceptions_keep_their_text(lines):
    """Main thread, other threads and finalizers: the interpreter's own traceback is not printed."""
    try:
        failing()
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
        sys.unraisablehook(SimpleNamespace(exc_value=error))
    thread = threading.Thread(target=failing)
    thread.start()
    thread.join()

    assert 3 == len([line for line in read(lines) if line["error"] == "ValueError < KeyError"])


def test_warnings_are_withheld(lines):
    """A warning goes the way of every library message."""
    warnings.warn(MARKER, stacklevel=1)

    assert ["py.warnings"] == [line["logger"] for line in read(lines)]


def test_a_retry_shows_no_arguments(lines):
    """stamina's hook prints type, attempt and delay; its own would print the call's arguments."""

    @stamina.retry(on=ValueError, attempts=2, wait_initial=0.0, wait_max=0.0, wait_jitter=0.0)
    def send(patient: str) -> None:
        raise ValueError(patient)

    with pytest.raises(ValueError):
        send(MARKER)

    (line,) = read(lines)
    assert ("retry", "ValueError", 1) == (line["event"], line["code"], line["attempt"])


def test_events_are_constant_texts():
    """No module formats a value into the event of a log line."""
    offenders = [
        f"{path.name}:{node.lineno}"
        for path in Path(integration.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"debug", "info", "warning", "error", "critical", "exception"}
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in {"log", "_log", "LOG", "_LOG", "logger", "_logger"}
        and not (node.args and isinstance(node.args[0], ast.Constant))
    ]

    assert [] == offenders


def test_metrics_are_made_in_the_given_registry():
    """Two registries in one process do not share values."""
    first, second = CollectorRegistry(), CollectorRegistry()
    telemetry.metrics(first).received.labels(channel="lab", verdict="AA").inc()
    telemetry.metrics(second)

    sample = b'wardwire_messages_received_total{channel="lab",verdict="AA"} 1.0'
    assert sample in generate_latest(first)
    assert sample not in generate_latest(second)
