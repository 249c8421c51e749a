"""What Wardwire says about itself: JSON logs on stderr, and metrics. Never anything about a patient.

Only known keys pass, and of an exception only its type and our own file and line. The text of a library's
message is withheld too (libraries log arguments, URLs and rows); its logger, file and line say which it was.
Knows no other room.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator, MutableMapping
from copy import copy
from dataclasses import dataclass
from pathlib import PurePath
from types import TracebackType
from typing import Any, TextIO

import stamina.instrumentation
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

WITHHELD = "[withheld]"
_OWN = ("integration", "inference", "mappers", "wardwire")
_LONGEST_VALUE = 200
_MOST_FRAMES = 8
_MOST_CAUSES = 5

#: The only keys whose values are printed. None of them ever holds content of a message or a resource.
ALLOWED = frozenset(
    {
        "event", "level", "time", "logger", "role", "pid", "host", "port", "signal", "exit_code",
        "message_id", "request_id", "resource_id", "resource_type", "workflow_id", "channel", "destination",
        "peer", "state", "outcome", "verdict", "code", "reason", "location", "error", "frames", "setting",
        "method", "route", "status", "version", "attempt", "delay_ms", "duration_ms", "count", "bytes",
        "connections", "workers", "sequence",
    }
)  # fmt: skip

Event = MutableMapping[str, Any]
_ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


def configure(*, role: str, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send all logging of this process through the allow-list, and nothing anywhere else.

    Call it once at the start of a process, after libraries were imported. Takes over the standard library's
    loggers, uncaught exceptions of all threads, warnings, and stamina's retry hook.

    Args:
        role: of this process, on every line.
        level: of our own loggers; libraries speak from WARNING.
        stream: stderr by default.
    """

    def origin(_logger: Any, _name: str, event: Event) -> Event:
        return {"role": role, "pid": os.getpid(), **event}

    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        _Lines(
            foreign_pre_chain=[_from_library, structlog.stdlib.add_log_level, _stamp, _explain_error],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                origin,
                withhold,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    # A handler that fails would print the record and its arguments.
    logging.raiseExceptions = False
    _take_over(handler, level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            _stamp,
            _explain_error,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    logging.captureWarnings(capture=True)
    sys.excepthook = _on_uncaught
    threading.excepthook = _on_thread_end
    sys.unraisablehook = _on_unraisable
    stamina.instrumentation.set_on_retry_hooks([_on_retry])


class _Lines(structlog.stdlib.ProcessorFormatter):
    """Formats what came through `logger`; drops the words of everything else before anybody joins them."""

    def format(self, record: logging.LogRecord) -> str:
        if not hasattr(record, "_logger"):
            record = copy(record)
            record.msg, record.args = "library message", ()
        return super().format(record)


def _take_over(handler: logging.Handler, level: str) -> None:
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in list(root.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
    for name in _OWN:
        logging.getLogger(name).setLevel(level)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """Make the logger of one of our modules, by its `__name__`.

    The event is a constant text; what varies goes into keys of `ALLOWED`.
    """
    bound: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return bound


_stamp = structlog.processors.TimeStamper(fmt="iso", utc=True, key="time")


def withhold(_logger: Any, _name: str, event: Event) -> Event:
    """The allow-list: values of other keys are withheld, and values that are not plain are only named."""
    return {key: _plain(value) if key in ALLOWED else WITHHELD for key, value in event.items()}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return str(value)[:_LONGEST_VALUE]
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value[:_MOST_FRAMES]]
    return f"<{type(value).__name__}>"


def _from_library(_logger: Any, _name: str, event: Event) -> Event:
    """A record that did not come through `logger`: where it was logged, not what it said."""
    record: logging.LogRecord = event["_record"]
    return {
        **event,
        "logger": record.name,
        "location": f"{PurePath(record.pathname).name}:{record.lineno}",
        "exc_info": record.exc_info,
    }


def _explain_error(_logger: Any, _name: str, event: Event) -> Event:
    """Replace `exc_info` by the types of the exception and its causes, and our own frames."""
    exc_info = event.pop("exc_info", None)
    if not exc_info:
        return event
    if isinstance(exc_info, BaseException):
        error: BaseException | None = exc_info
    else:
        error = exc_info[1] if isinstance(exc_info, tuple) else sys.exc_info()[1]
    if error is not None:
        event["error"] = " < ".join(_type_name(cause) for cause in _causes(error))
        event["frames"] = frames(error)
    return event


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def frames(error: BaseException) -> list[str]:
    """Where in our own code an exception passed: `integration/flows/intake.py:42`, innermost last."""
    places: list[str] = []
    step = error.__traceback__
    while step is not None:
        module = step.tb_frame.f_globals.get("__name__", "")
        if module.partition(".")[0] in _OWN:
            folder = "/".join(module.split(".")[:-1])
            file = PurePath(step.tb_frame.f_code.co_filename).name
            places.append(f"{folder}/{file}:{step.tb_lineno}")
        step = step.tb_next
    return places[-_MOST_FRAMES:]


def _on_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        logger("wardwire").critical("uncaught exception", exc_info=(kind, error, traceback))


def _on_thread_end(end: threading.ExceptHookArgs) -> None:
    if end.exc_value is not None and not issubclass(end.exc_type, SystemExit):
        logger("wardwire").critical("thread ended by an exception", exc_info=end.exc_value)


def _on_unraisable(unraisable: Any) -> None:
    logger("wardwire").error("exception that nobody could catch", exc_info=unraisable.exc_value)


def _on_retry(details: stamina.instrumentation.RetryDetails) -> None:
    """What stamina may say of a retry: never the call's arguments, as its own hook would."""
    logger("wardwire.retry").warning(
        "retry",
        code=type(details.caused_by).__name__,
        attempt=details.retry_num,
        delay_ms=round(details.wait_for * 1000),
    )


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics of one process. Labels are names from the settings and codes, never values of a message.

    Attributes:
        received: messages answered at a door, by channel and verdict (AA, AE, AR, none).
        receive_seconds: from the last byte of a message to its durable commit, by channel.
        connections: open MLLP connections, by channel.
        processed: messages that a worker finished, by channel and outcome.
        process_seconds: how long a worker had a message, by channel.
        written: resources, by type and outcome of the write.
        delivered: attempts at deliveries, by destination and outcome.
        deliver_seconds: how long an attempt took, by destination.
        requests: HTTP requests, by method, route template and status.
        request_seconds: how long they took, by route template.
    """

    received: Counter
    receive_seconds: Histogram
    connections: Gauge
    processed: Counter
    process_seconds: Histogram
    written: Counter
    delivered: Counter
    deliver_seconds: Histogram
    requests: Counter
    request_seconds: Histogram


#: Seconds of what is over in a moment.
_SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


def metrics(registry: CollectorRegistry) -> Metrics:
    """Make the metrics in a registry. With PROMETHEUS_MULTIPROC_DIR their values live in files there."""
    return Metrics(
        received=Counter(
            "wardwire_messages_received", "Messages answered at a door.", ("channel", "verdict"),
            registry=registry,
        ),
        receive_seconds=Histogram(
            "wardwire_receive_seconds", "From a message's last byte to its durable commit.", ("channel",),
            registry=registry, buckets=_SHORT,
        ),
        connections=Gauge(
            "wardwire_mllp_connections", "Open MLLP connections.", ("channel",),
            registry=registry, multiprocess_mode="livesum",
        ),
        processed=Counter(
            "wardwire_messages_processed", "Messages that a worker finished.", ("channel", "outcome"),
            registry=registry,
        ),
        process_seconds=Histogram(
            "wardwire_process_seconds", "How long a worker had a message.", ("channel",), registry=registry
        ),
        written=Counter(
            "wardwire_resources_written", "FHIR resources, by outcome of their write.", ("type", "outcome"),
            registry=registry,
        ),
        delivered=Counter(
            "wardwire_delivery_attempts", "Attempts at deliveries.", ("destination", "outcome"),
            registry=registry,
        ),
        deliver_seconds=Histogram(
            "wardwire_deliver_seconds", "How long an attempt at a delivery took.", ("destination",),
            registry=registry,
        ),
        requests=Counter(
            "wardwire_http_requests", "HTTP requests.", ("method", "route", "status"), registry=registry
        ),
        request_seconds=Histogram(
            "wardwire_http_request_seconds", "How long HTTP requests took.", ("route",),
            registry=registry, buckets=_SHORT,
        ),
    )  # fmt: skip


def bind(**values: str | int) -> None:
    """Put keys on every log line of the current context (a request, a message) until `unbind`."""
    structlog.contextvars.bind_contextvars(**values)


def unbind() -> None:
    """Forget what `bind` put on the lines of this context."""
    structlog.contextvars.clear_contextvars()
