"""The pages for people: what is here, how it is doing, where to look. Rendered here, escaped, no script."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from flask import Blueprint, Response, make_response, render_template

from integration.errors import StoreUnavailable
from integration.states import MessageState
from integration.store.records import MessageFilter, StoredMessage
from integration.web import health
from integration.web.services import Check, Services

_RECENT = 12
_KIBIBYTE = 1024
#: What a state means to who looks after the feeds, in the order of a message's life.
_STATES = (
    (MessageState.RECEIVED, "waiting for a worker", "calm"),
    (MessageState.PROCESSING, "in work now", "calm"),
    (MessageState.FAILED, "will be tried again", "warn"),
    (MessageState.PARKED, "waiting for a human", "bad"),
    (MessageState.REFUSED, "NACKed, bytes kept", "warn"),
    (MessageState.DISCARDED, "closed by a human", "calm"),
)
_ERRORS = {
    401: "A token is needed. Browsers ask for a name and a password: the password is the token.",
    403: "This caller may not come in. The answer's headers carry the request's id for the log.",
    404: "There is nothing under this address.",
    405: "This address does not take that.",
    413: "That was longer than this server takes.",
    503: "The store does not answer now. Acknowledged messages are safe; try again in a moment.",
}


@dataclass(frozen=True, slots=True)
class _Tile:
    """One state of messages."""

    name: str
    meaning: str
    count: int
    tone: str


@dataclass(frozen=True, slots=True)
class _Row:
    """One recent message: ids, codes and sizes, nothing that it says."""

    id: str
    received: str
    channel: str
    trigger: str
    state: str
    tone: str
    size: str


@dataclass(frozen=True, slots=True)
class _Overview:
    """What the store says; empty when it does not answer."""

    tiles: tuple[_Tile, ...] = ()
    kinds: tuple[tuple[str, int], ...] = ()
    rows: tuple[_Row, ...] = ()


def blueprint(services: Services) -> Blueprint:
    """The landing page."""
    routes = Blueprint("pages", __name__)

    @routes.get("/")
    def home() -> Response:
        checks = health.run(services.probes)
        try:
            seen = _look(services)
        except StoreUnavailable:
            seen = _Overview()
            checks = (*checks, Check("pages", passed=False, reason="the store does not answer"))
        return make_response(
            render_template(
                "home.html",
                software=services.software,
                base=services.public_base,
                now=_minute(services.clock()),
                status=health.summary(checks),
                checks=checks,
                seen=seen,
            )
        )

    return routes


def error(status: int, text: str | None = None) -> Response:
    """A page that says what went wrong, in words of ours."""
    words = text or _ERRORS.get(status, "That did not work. The log has it under this request's id.")
    page = render_template("error.html", status=status, phrase=HTTPStatus(status).phrase, words=words)
    return make_response(page, status)


def _look(services: Services) -> _Overview:
    counts = services.messages.counts()
    with services.database.read() as connection:
        kinds = services.results.counts(connection)
    return _Overview(
        tiles=tuple(
            _Tile(state.value, meaning, counts.get(state, 0), tone) for state, meaning, tone in _STATES
        ),
        kinds=tuple(sorted(kinds.items(), key=lambda item: (-item[1], item[0]))),
        rows=tuple(map(_row, services.messages.list(MessageFilter(limit=_RECENT)))),
    )


def _row(message: StoredMessage) -> _Row:
    tones = {state: tone for state, _, tone in _STATES}
    return _Row(
        id=message.id,
        received=_minute(datetime.fromisoformat(message.received_at), seconds=True),
        channel=message.channel,
        trigger="^".join(message.trigger.split("^")[:2]) or "no type",
        state=message.state.value,
        tone=tones.get(message.state, "good"),
        size=_size(message.size),
    )


def _minute(moment: datetime, *, seconds: bool = False) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def _size(count: int) -> str:
    if count < _KIBIBYTE:
        return f"{count} B"
    if count < _KIBIBYTE**2:
        return f"{count / _KIBIBYTE:.1f} KiB"
    return f"{count / _KIBIBYTE**2:.1f} MiB"
