"""FHIR JSON keeps its digits and refuses what hides in JSON."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappers.domain.issues import Refused
from mappers.fhir import codec, r4


@pytest.mark.parametrize(
    ("expected", "number"),
    [
        (b'{"v":5.50}', Decimal("5.50")),
        (b'{"v":0.0000001}', Decimal("1E-7")),
        (b'{"v":0.000}', Decimal("0.000")),
        (b'{"v":1E+2}', Decimal("1E+2")),
        (b'{"v":-0.10}', Decimal("-0.10")),
        (b'{"v":19}', 19),
        (b'{"v":-0}', Decimal("-0")),
        (b'{"v":true}', True),
        (b'{"v":1E-999}', Decimal("1E-999")),
    ],
)
def test_numbers_are_written_digit_for_digit(expected, number):
    """Trailing zeros are precision; small numbers are not turned into exponents, large ones not padded."""
    assert expected == r4.encode({"v": number})


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4) | st.integers())
def test_a_number_survives_writing_and_reading(number):
    """Decoding gives back the same digits."""
    raw = r4.encode({"v": number})
    assert raw == r4.encode(r4.decode(raw))
    assert number == r4.decode(raw)["v"]


def test_keys_keep_the_order_in_which_they_were_built():
    """The bytes are a function of the dict."""
    assert b'{"b":1,"a":{"d":[],"c":null}}' == r4.encode({"b": 1, "a": {"d": [], "c": None}})


def test_text_is_written_as_utf8():
    """No escapes where none are needed."""
    assert '{"t":"µmol — ü\\n"}'.encode() == r4.encode({"t": "µmol — ü\n"})


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), float("nan"), object(), {1, 2}])
def test_what_is_no_json_is_not_written(value):
    """NaN is no number in JSON."""
    with pytest.raises((ValueError, TypeError)):
        r4.encode({"v": value})


@pytest.mark.parametrize(
    ("expected", "raw"),
    [
        ("duplicate", b'{"a":1,"a":2}'),
        ("duplicate", b'{"a":{"b":1,"b":1}}'),
        ("too-costly", b'{"a":' * 65 + b"1" + b"}" * 65),
        ("too-costly", b'{"a":' + b"[" * 100_000),
        ("structure", b"[1]"),
        ("structure", b'"Patient"'),
        ("structure", b"{"),
        ("structure", b""),
        ("structure", b'{"a":NaN}'),
        ("structure", b'{"a":-Infinity}'),
        ("structure", b'{"a":"\xff"}'),
        ("structure", b'{"a":' + b"9" * 5000 + b"}"),
    ],
)
def test_what_hides_in_json_is_refused(expected, raw):
    """Duplicate names, bombs of depth, no object, bytes that are not UTF-8: each with its IssueType."""
    with pytest.raises(Refused) as refused:
        r4.decode(raw)
    assert expected == refused.value.issue.code


def test_a_document_over_the_limit_is_refused_unread():
    """The limit is the caller's."""
    with pytest.raises(Refused) as refused:
        r4.decode(b"{" * 100, max_bytes=99)
    assert "too-long" == refused.value.issue.code


def test_a_refusal_does_not_repeat_the_document():
    """Names and values may be a patient's."""
    for raw in (b'{"MARKER":1,"MARKER":2}', b'{"a":"MARKER}', b'{"a":MARKER}'):
        with pytest.raises(Refused) as refused:
            r4.decode(raw)
        assert "MARKER" not in str(refused.value)


def test_nesting_up_to_the_limit_is_read():
    """The limit itself is allowed."""
    depth = codec.MAX_DEPTH
    raw = b'{"a":' * depth + b"1" + b"}" * depth
    assert r4.decode(raw)["a"]


def test_a_byte_order_mark_is_skipped():
    """Some senders write one."""
    assert {"a": Decimal("1.0")} == r4.decode(b'\xef\xbb\xbf{"a":1.0}')
