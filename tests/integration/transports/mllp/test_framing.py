"""The sans-IO decoder: one grammar, no bytes that break it, the same events for any chunking."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integration.transports.mllp.framing import (
    HEAD_BYTES,
    BareEnd,
    Decoder,
    Frame,
    Oversize,
    PayloadUnframeable,
    Truncated,
    encode,
)

#: Streams made of what matters to the grammar, so that short examples reach every state.
STREAMS = st.lists(
    st.sampled_from([b"\x0b", b"\x1c", b"\r", b"\x1c\r", b"\n", b"MSH|^~\\&|", b"x", b"\x00\xff", b"y" * 30])
).map(b"".join)


def decode(chunks, max_bytes=64):
    decoder = Decoder(max_bytes)
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return events + decoder.close(), decoder.discarded


def cut(stream, places):
    places = sorted({place % (len(stream) + 1) for place in places})
    return [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]


def reference(stream, max_bytes=64):
    """The grammar of the module's table as one regular expression over the whole stream."""
    events, junk, discarded = [], 0, 0
    for block in re.finditer(rb"\x0b+([^\x0b\x1c]*)(?:\x1c(\r?)|(?=\x0b)|\Z)|[^\x0b]", stream):
        text = block[0]
        if not text.startswith(b"\x0b"):
            junk, discarded = junk + 1, discarded + 1
            continue
        doubled = len(text) - len(text.lstrip(b"\x0b")) - 1
        junk, discarded = junk + doubled, discarded + doubled
        body = block[1]
        if block[2] is None:
            events.append(Truncated(body[:HEAD_BYTES], len(body), junk))
        elif len(body) > max_bytes:
            events.append(Oversize(body[:HEAD_BYTES], len(body), junk))
        else:
            events.append(Frame(body, junk))
        junk = 0
        if block[2] == b"":
            events.append(BareEnd())
    return events, discarded


@given(st.binary().filter(lambda payload: not re.search(b"[\x0b\x1c]", payload)))
def test_what_is_encoded_is_decoded(payload):
    """Any payload without block characters survives the wire verbatim."""
    assert ([Frame(payload)], 0) == decode([encode(payload)], max_bytes=10**6)


@pytest.mark.parametrize("payload", [b"\x0b", b"MSH|\x1c", b"a\x0bb", b"\x1c\r"])
def test_a_payload_with_block_characters_is_refused(payload):
    """MLLP cannot escape 0x0B and 0x1C, so such a payload is our error, raised to us."""
    with pytest.raises(PayloadUnframeable):
        encode(payload)


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"", []),
        (b"\x0bA\x1c\r", [Frame(b"A")]),
        (b"\x0b\x1c\r", [Frame(b"")]),
        (b"\x0bA\x1c\r\x0bB\x1c\r", [Frame(b"A"), Frame(b"B")]),
        (b"GET / HTTP/1.1\r\n\x0bA\x1c\r", [Frame(b"A", junk=16)]),
        (b"\x0bA\x1c\r\n\x0bB\x1c\r", [Frame(b"A"), Frame(b"B", junk=1)]),
        (b"\x0bA\x1c\x0bB\x1c\r", [Frame(b"A"), BareEnd(), Frame(b"B")]),
        (b"\x0bA\x1cxx\x0bB\x1c\r", [Frame(b"A"), BareEnd(), Frame(b"B", junk=2)]),
        (b"\x0bA\x1c", [Frame(b"A"), BareEnd()]),
        (b"\x0bA\x1c\x1c\r", [Frame(b"A"), BareEnd()]),
        (b"\x0bAB\x0bC\x1c\r", [Truncated(b"AB", 2), Frame(b"C")]),
        (b"\x0b\x0bC\x1c\r", [Frame(b"C", junk=1)]),
        (b"\x0bA", [Truncated(b"A", 1)]),
        (b"\x0b", [Truncated(b"", 0)]),
        (b"\x0b" + b"A" * 65 + b"\x1c\r\x0bB\x1c\r", [Oversize(b"A" * 65, 65), Frame(b"B")]),
        (b"\x0b" + b"A" * 65 + b"\x0bB\x1c\r", [Truncated(b"A" * 65, 65), Frame(b"B")]),
        (b"\x0b" + b"A" * 64 + b"\x1c\r", [Frame(b"A" * 64)]),
        (b"\x0b\x06\x1c\r", [Frame(b"\x06")]),
    ],
)
def test_the_grammar(stream, expected):
    """Each row of the module's table, whole and byte by byte."""
    assert expected == decode([stream])[0]
    assert expected == decode([stream[i : i + 1] for i in range(len(stream))])[0]


@given(STREAMS, st.lists(st.integers(min_value=0, max_value=10**4)))
@example(b"\x0bA\x1c\r", [1, 2, 3])
def test_any_chunking_gives_the_same_events(stream, places):
    """Where the network cuts the stream does not show in what is read from it."""
    assert reference(stream) == decode([stream])
    assert reference(stream) == decode(cut(stream, places))


@given(st.binary(), st.lists(st.integers(min_value=0, max_value=10**4)))
def test_any_bytes_are_accounted_for(stream, places):
    """Every byte is payload, block character, the CR of an end, or counted as junk."""
    events, discarded = decode(cut(stream, places), max_bytes=20)
    sizes = {Frame: lambda event: len(event.payload) + 2, Truncated: lambda event: event.size + 1}
    sizes |= {Oversize: lambda event: event.size + 2, BareEnd: lambda _: -1}
    ends = sum(isinstance(event, Frame | Oversize) for event in events)
    assert len(stream) == discarded + ends + sum(sizes[type(event)](event) for event in events)


def test_an_oversize_frame_is_never_held():
    """Of 60 MB in one frame only the head stays, and the next frame is read as ever."""
    decoder = Decoder(max_bytes=100_000)
    head = b"MSH|^~\\&|LAB|H" + b"x" * HEAD_BYTES
    events = decoder.feed(b"\x0b" + head)
    most = 0
    for _ in range(60 * 16):
        events += decoder.feed(b"z" * 65_536)
        most = max(most, decoder.held)
    assert most <= 100_000
    assert decoder.held == HEAD_BYTES
    events += decoder.feed(b"\x1c\r\x0bnext\x1c\r")
    assert [Oversize(head[:HEAD_BYTES], len(head) + 60 * 2**20), Frame(b"next")] == events


def test_the_limit_does_not_depend_on_the_chunks():
    """A frame that comes whole and too long is as oversize as one that comes in pieces."""
    stream = b"\x0b" + b"a" * 10_000 + b"\x1c\r"
    expected = [Oversize(b"a" * HEAD_BYTES, 10_000)]
    assert expected == decode([stream], max_bytes=9_999)[0]
    assert expected == decode([stream[:5000], stream[5000:]], max_bytes=9_999)[0]


def test_shedding_keeps_the_head_and_refuses_the_frame_at_its_end():
    """Memory can be taken back from an open frame; the stream stays in step."""
    decoder = Decoder()
    decoder.feed(b"\x0bMSH|" + b"a" * 100_000)
    assert decoder.shed() == 100_004 - HEAD_BYTES
    assert decoder.shed() == 0
    assert decoder.feed(b"b" * 100_000) == []
    assert decoder.held == HEAD_BYTES
    (event, after) = decoder.feed(b"\x1c\r\x0bnext\x1c\r")
    assert Oversize(b"MSH|" + b"a" * (HEAD_BYTES - 4), 200_004, shed=True) == event
    assert Frame(b"next") == after


def test_shedding_between_frames_changes_nothing():
    """There is nothing to shed where no frame is open."""
    decoder = Decoder()
    decoder.feed(b"\x0bA\x1c\r")
    assert decoder.shed() == 0
    assert decoder.feed(b"\x0bB\x1c\r") == [Frame(b"B")]


def test_a_closed_decoder_takes_a_new_stream():
    """Nothing of a cut frame leaks into the next connection's bytes."""
    decoder = Decoder()
    decoder.feed(b"\x0bhalf")
    assert decoder.close() == [Truncated(b"half", 4)]
    assert decoder.close() == []
    assert decoder.feed(b"\x0bA\x1c\r") == [Frame(b"A")]


def test_no_event_shows_a_byte_of_the_message():
    """Events are safe to log: their text holds sizes, never content."""
    events = decode([b"\x0bSECRET\x0bSECRET\x1c\r\x0b" + b"SECRET" * 20 + b"\x1cx"])[0]
    assert {"Truncated", "Frame", "Oversize", "BareEnd"} == {type(event).__name__ for event in events}
    assert "SECRET" not in repr(events)
    assert repr(b"SECRET") not in repr(events)


@pytest.mark.parametrize(
    "pattern", [b"\x0b", b"\x1c", b"\x0bx", b"\x0b\x1c", b"\x0bx\x1c\r", b"x", b"\r", b"\x1c\r"]
)
def test_the_work_is_linear_in_the_bytes(pattern):
    """No pattern of bytes in one chunk makes the decoder look at them again and again."""

    class Watched(bytes):
        looked_at = 0

        def find(self, sought, start=0, end=None):
            end = len(self) if end is None else end
            found = super().find(sought, start, end)
            Watched.looked_at += (end if found < 0 else found + 1) - start
            return found

        def __getitem__(self, place):
            found = super().__getitem__(place)
            Watched.looked_at += len(found) if isinstance(found, bytes) else 1
            return found

    stream = Watched((pattern * 65_536)[:65_536])
    Decoder().feed(stream)
    assert len(stream) <= Watched.looked_at <= 4 * len(stream)


@pytest.mark.parametrize("size", [1, 7, 1460, 65_536])
def test_a_large_frame_in_pieces_of_any_size(size):
    """A quarter of a megabyte comes out whole whatever the pieces."""
    payload = bytes(range(32, 127)) * 2_800
    stream = encode(payload)
    events, discarded = decode((stream[i : i + size] for i in range(0, len(stream), size)), max_bytes=2**25)
    assert (len(events), discarded) == (1, 0)
    assert events[0].payload == payload
