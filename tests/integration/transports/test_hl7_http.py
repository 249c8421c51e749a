"""HL7 over HTTP: the acknowledgement is the body, and HTTP's own refusals come before anything is read."""

from __future__ import annotations

import hashlib
import io
from contextlib import ExitStack

import pytest
from flask import g

from integration.transports import hl7_http
from integration.web.auth import Token
from tests.support.door import codes, door_in, fields, message
from tests.support.web import web_over

HL7 = "application/hl7-v2"


class Stage:
    """A door behind an application."""

    def __init__(self, door, web):
        self.door, self.web = door, web

    def post(self, body, path="/hl7/lab", *, media=HL7, headers=None, **more):
        return self.web.client.post(
            path, data=body, content_type=media, headers={"Host": "localhost", **(headers or {})}, **more
        )


@pytest.fixture
def stage(tmp_path):
    """The route on this machine, without tokens; `stage.with_(...)` changes the services."""
    with ExitStack() as stack:
        door = stack.enter_context(
            door_in(tmp_path / "door" if (tmp_path / "door").mkdir() is None else tmp_path)
        )

        def make(**changes):
            routes = hl7_http.blueprint(door.intake, frozenset(door.terms), caller=lambda: str(g.actor))
            folder = tmp_path / f"web{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return Stage(door, stack.enter_context(web_over(folder, doors=(routes,), **changes)))

        yield make


@pytest.mark.parametrize("media", hl7_http.MEDIA_TYPES)
def test_the_acknowledgement_is_the_body(stage, media):
    """200 with the media type that was sent, and the message is kept with who sent it."""
    on = stage()
    answer = on.post(message(), media=media)

    assert (200, media, ["AA"]) == (answer.status_code, answer.content_type, codes(answer.data))
    (kept,) = on.door.stored()
    assert (message(), "127.0.0.1", "lab") == (on.door.inbox.load(kept.id).raw, kept.peer, kept.channel)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (message(kind=""), "AE"),
        (message(version="3"), "AR"),
        (message(msh15="AL", msh16="AL"), "CA"),
        (message(msh15="AL", version="3"), "CR"),
        (message(msh15="NE", msh16="AL"), "AA"),
        (b"", "AE"),
        (b"\x00\xff", "AE"),
    ],
)
def test_a_refusal_of_hl7_is_no_refusal_of_http(stage, raw, code):
    """The request worked: it was read, kept and answered."""
    answer = stage().post(raw)

    assert (200, [code]) == (answer.status_code, codes(answer.data))


@pytest.mark.parametrize("raw", [message(msh15="NE", msh16="NE"), message(kind="ACK", body="MSA|AA|1")])
def test_nothing_to_answer(stage, raw):
    """204, and kept."""
    on = stage()
    answer = on.post(raw)

    assert (204, b"", 1) == (answer.status_code, answer.data, len(on.door.stored()))


def test_a_batch_is_answered_by_a_batch(stage):
    """With headers or without."""
    on = stage()
    batch = b"BHS|^~\\&|LAB||||||||B-9\r" + message("1") + message("2") + b"BTS|2\r"

    assert ["1", "2"] == fields(on.post(batch).data, "MSA", 2)
    assert ["3", "4"] == fields(on.post(message("3") + message("4")).data, "MSA", 2)


def test_the_same_again_gets_the_same_answer(stage):
    """To the byte, by whatever media type."""
    on = stage()

    assert on.post(message()).data == on.post(message(), media=hl7_http.MEDIA_TYPES[2]).data
    assert 1 == len(on.door.stored())


@pytest.mark.parametrize(
    ("media", "said", "codec", "code"),
    [
        ("application/hl7-v2; charset=utf-8", "UNICODE UTF-8", "utf-8", "AA"),
        ("application/hl7-v2; charset=ISO-8859-1", "8859/1", "latin-1", "AA"),
        ('application/hl7-v2; charset="UTF-8"', "8859/1", "latin-1", "AE"),
        ("application/hl7-v2; charset=ISO-8859-1", "", "utf-8", "AE"),
    ],
)
def test_a_charset_is_believed_where_msh_18_agrees(stage, media, said, codec, code):
    """And comes back with the answer, which is in it."""
    body = message(body="OBX|1|ST|||5 \u00b5g", msh18=said).decode().encode(codec)
    answer = stage().post(body, media=media)

    assert (200, [code]) == (answer.status_code, codes(answer.data))
    assert answer.content_type.startswith("application/hl7-v2; charset=")


@pytest.mark.parametrize(
    ("media", "headers"),
    [
        ("text/plain", {}),
        ("application/json", {}),
        (None, {}),
        ("application/hl7-v2; charset=utf-16", {}),
        ("application/hl7-v2; charset=utf-32-be", {}),
        ("application/hl7-v2; charset=klingon", {}),
        ("application/hl7-v2; charset=base64", {}),
        ('application/hl7-v2; charset="utf 8"', {}),
        (HL7, {"Content-Encoding": "gzip"}),
    ],
)
def test_what_is_no_hl7(stage, media, headers):
    """415 with what would do; nothing is kept."""
    on = stage()
    answer = on.post(message(), media=media, headers=headers)

    assert 415 == answer.status_code
    assert HL7 in answer.headers["Accept-Post"]
    assert [] == on.door.stored()


def test_a_channel_that_is_not_there(stage):
    """404, in one line."""
    on = stage()
    answer = on.post(message(), "/hl7/other")

    assert (404, b"there is no such channel\n", []) == (answer.status_code, answer.data, on.door.stored())


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_other_methods(stage, method):
    """405, in one line."""
    on = stage()
    answer = getattr(on.web.client, method)("/hl7/lab", headers={"Host": "localhost"})

    assert (405, "text/plain; charset=utf-8") == (answer.status_code, answer.content_type)


class Unreadable(io.BytesIO):
    """A body that nobody may touch."""

    def read(self, *_):
        raise AssertionError("the body was read")

    readline = readinto = read1 = read


def test_too_long_is_refused_unread(stage):
    """413 by its announced length; nothing is kept."""
    on = stage(max_body_bytes=100)
    answer = on.post(None, input_stream=Unreadable(b"x" * 101))

    assert (413, []) == (answer.status_code, on.door.stored())
    assert 413 == on.post(message() * 10).status_code


def test_strangers_are_refused_unread(stage):
    """401 without a token and 403 from elsewhere, before a byte of the body is read."""
    tokens = (Token("lis", hashlib.sha256(b"secret").digest()),)
    on = stage(tokens=tokens)
    refused = on.post(
        None, input_stream=Unreadable(message()), headers={"Content-Length": str(len(message()))}
    )
    assert (401, "text/plain; charset=utf-8") == (refused.status_code, refused.content_type)

    accepted = on.post(message(), headers={"Authorization": "Bearer secret"})
    assert (200, "user:lis") == (accepted.status_code, on.door.stored()[0].peer)

    elsewhere = stage().post(
        None,
        input_stream=Unreadable(message()),
        headers={"Content-Length": str(len(message()))},
        environ_base={"REMOTE_ADDR": "10.0.0.1"},
    )
    assert 403 == elsewhere.status_code


def test_a_store_that_takes_nothing(stage):
    """503, and when to come again; no acknowledgement."""
    on = stage()
    on.door.database.close()
    answer = on.post(message())

    assert (503, "5") == (answer.status_code, answer.headers["Retry-After"])
    assert b"MSA" not in answer.data
