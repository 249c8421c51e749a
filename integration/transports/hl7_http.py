"""HL7 v2 over HTTP: `POST /hl7/<channel>`, a message or a batch as the body, its acknowledgement in return.

| what                                                        | status                                     |
|-------------------------------------------------------------|--------------------------------------------|
| AA, AE, AR, CA, CE, CR, or a batch of them                  | 200: the request worked, whatever they say |
| nothing to answer (an acknowledgement; MSH-15, MSH-16)      | 204                                        |
| no token, or not from here                                  | 401, 403, before anything is read          |
| the body ended early                                        | 400                                        |
| no such channel                                             | 404                                        |
| longer than the server takes                                | 413                                        |
| neither of the two media types, an unknown charset, encoded | 415                                        |
| the store takes no writes                                   | 503: send it again                         |

Owns the words of HTTP. What a message means, and when it is promised, is the affair of the intake.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Collection
from http import HTTPStatus

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from integration.errors import StoreUnavailable
from integration.flows.intake import Intake, Way

#: The registered form, and the one of the HL7 over HTTP specification with and without its prefix.
MEDIA_TYPES = ("application/hl7-v2", "application/hl7-v2+er7", "x-application/hl7-v2+er7")
_RETRY_SECONDS = "5"
#: HL7 v2 allows no other form of Unicode (table 0211), and these would break its segment ends.
_WIDE = ("utf-16", "utf-32")
#: RFC 9110 §8.3.2, as far as registered names go: it comes back in a header.
_CHARSET = re.compile(r"[A-Za-z0-9._:+-]{1,40}")


def blueprint(intake: Intake, channels: Collection[str], *, caller: Callable[[], str]) -> Blueprint:
    """The route.

    Args:
        intake: the door.
        channels: names that may stand in the path.
        caller: who sent the request, for the audit trail.
    """
    routes = Blueprint("hl7", __name__)

    @routes.post("/hl7/<channel>")
    def receive(channel: str) -> Response:
        if channel not in channels:
            return _refusal(HTTPStatus.NOT_FOUND, "there is no such channel")
        if request.mimetype not in MEDIA_TYPES or request.content_encoding:
            return _unsupported(f"send {' or '.join(MEDIA_TYPES)}, not compressed")
        charset = request.mimetype_params.get("charset")
        codec = _codec(charset) if charset else None
        if charset and codec is None:
            return _unsupported("the charset is not known, or not allowed in HL7 v2")
        body = request.get_data(cache=False)
        if not _is_whole(body):
            return _refusal(HTTPStatus.BAD_REQUEST, "the body ended before its length; nothing was kept")
        try:
            reply = intake.receive(body, channel=channel, peer=caller(), way=Way(charset=codec))
        except StoreUnavailable:
            refusal = _refusal(HTTPStatus.SERVICE_UNAVAILABLE, "nothing was kept; send it again")
            refusal.headers["Retry-After"] = _RETRY_SECONDS
            return refusal
        if reply.payload is None:
            return Response(status=HTTPStatus.NO_CONTENT)
        answered = f"{request.mimetype}; charset={charset}" if charset else request.mimetype
        return Response(reply.payload, content_type=answered)

    @routes.errorhandler(RequestEntityTooLarge)
    def too_large(_: RequestEntityTooLarge) -> Response:
        return _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is longer than this server takes")

    return routes


def _is_whole(body: bytes) -> bool:
    """Whether all of the body came.

    Werkzeug tells neither of a peer that went in the midst of it, nor of a body without a length that it cut
    at the limit: half a message must not be taken for one.

    Raises:
        RequestEntityTooLarge: it was cut.
    """
    if request.content_length is not None:
        return len(body) == request.content_length
    if request.max_content_length is not None and len(body) >= request.max_content_length:
        raise RequestEntityTooLarge
    return True


def _unsupported(text: str) -> Response:
    refusal = _refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, text)
    refusal.headers["Accept-Post"] = ", ".join(MEDIA_TYPES)
    return refusal


def _refusal(status: HTTPStatus, text: str) -> Response:
    return Response(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")


def _codec(charset: str) -> str | None:
    """The Python codec of a charset of HTTP; None where HL7 v2 cannot be in it."""
    if not _CHARSET.fullmatch(charset):
        return None
    try:
        codec = codecs.lookup(charset).name
        "MSH".encode(codec)
    except (LookupError, ValueError, UnicodeError):
        return None
    return None if codec.startswith(_WIDE) else codec
