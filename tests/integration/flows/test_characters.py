"""Signs and hours that feeds get wrong, from bytes to FHIR: micro, zones, daylight saving."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from integration.flows.convert import Conversion, convert
from mappers.domain.attribution import Software
from mappers.domain.channels import Channel
from mappers.domain.times import Moment

BODY = (
    "MSH|^~\\&|LIS|WARDLAB|W|HOSP|{sent}||ORU^R01|1|P|2.5.1||||||{charset}\r"
    "PID|1||17^^^WARD^MR||Müller\r"
    "OBR|1|PL-1^EHR|FL-1^LIS|24323-8^Panel^LN|||{taken}|||||||||||||||||CH|F\r"
    "OBX|1|NM|2160-0^Creatinine^LN||88.0|{unit}|||||F\r"
)


def converted(raw: bytes, channel: Channel | None = None) -> Conversion:
    return convert(
        raw,
        channel=channel or Channel("lab", time_zone=ZoneInfo("Europe/Rome")),
        software=Software("Wardwire", "1"),
        recorded=Moment("2026-11-22T12:00:00Z"),
    )


def message(
    *, charset: str = "", codec: str = "utf-8", unit: str = "umol/L", taken: str = "", sent: str = "20261122"
) -> bytes:
    return BODY.format(charset=charset, unit=unit, taken=taken, sent=sent).encode(codec)


def of(conversion: Conversion, kind: str) -> dict[str, Any]:
    assert conversion.written is not None
    (found,) = (e.resource for e in conversion.written.entries if e.resource["resourceType"] == kind)
    return found


CHARACTER_SETS = {
    "": "utf-8", "UNICODE UTF-8": "utf-8", "8859/1": "iso8859-1", "8859/7": "iso8859-7", "8859/9": "iso8859-9",
    "8859/15": "iso8859-15", "GB 18030-2000": "gb18030", "BIG-5": "big5",
}  # fmt: skip


def carries(codec: str, sign: str) -> bool:
    try:
        return bool(sign.encode(codec))
    except UnicodeEncodeError:
        return False


@pytest.mark.parametrize(
    ("micro", "charset", "codec"),
    [
        (micro, charset, codec)
        for micro in ("\u00b5", "\u03bc")
        for charset, codec in CHARACTER_SETS.items()
        if carries(codec, micro)
    ],
)
def test_micro_is_micro_in_every_set_that_has_it(micro: str, charset: str, codec: str) -> None:
    """Micro sign or Greek mu: the unit as sent, and UCUM's `u`."""
    text = BODY.replace("Müller", "Muller").format(
        charset=charset, unit=f"{micro}mol/L", taken="", sent="2026"
    )

    quantity = of(converted(text.encode(codec)), "Observation")["valueQuantity"]

    assert (f"{micro}mol/L", "umol/L") == (quantity["unit"], quantity["code"])


def test_a_micro_sign_in_another_set_than_said_is_refused_with_its_place() -> None:
    """Latin-1 bytes called UTF-8: located, never replaced by a question mark."""
    conversion = converted(
        message(charset="UNICODE UTF-8", codec="iso8859-1", unit="µmol/L").replace(b"M\xfcller", b"M")
    )

    assert conversion.written is None
    assert "OBX[1]-6" == conversion.issues[0].location


def test_a_liar_is_read_as_the_channel_says() -> None:
    """MSH-18 that lies is overridden."""
    raw = message(charset="UNICODE UTF-8", codec="iso8859-1", unit="µmol/L")
    channel = Channel("lab", character_set_override="8859/1")

    assert "umol/L" == of(converted(raw, channel), "Observation")["valueQuantity"]["code"]
    assert "Müller" == of(converted(raw, channel), "Patient")["name"][0]["family"]


@pytest.mark.parametrize(
    ("zone", "taken", "expected"),
    [
        ("Europe/Rome", "202601150800", "2026-01-15T08:00:00+01:00"),
        ("Europe/Rome", "202607150800", "2026-07-15T08:00:00+02:00"),
        ("Europe/Rome", "202603290159", "2026-03-29T01:59:00+01:00"),
        ("Europe/Rome", "202603290300", "2026-03-29T03:00:00+02:00"),
        ("Europe/Rome", "202603290230", "2026-03-29"),  # an hour that never was
        ("Australia/Lord_Howe", "202604050145", None),  # half an hour that was twice
        ("Asia/Kathmandu", "202601150800", "2026-01-15T08:00:00+05:45"),
        ("Europe/Rome", "20260115080000-0500", "2026-01-15T08:00:00-05:00"),
        ("Europe/Rome", "2026011508", "2026-01-15"),
        (None, "202601150800", "2026-01-15"),
    ],
)
def test_an_hour_in_the_zone_of_its_channel(zone: str | None, taken: str, expected: str | None) -> None:
    """Daylight saving on both sides of its edges; no zone, no hour."""
    channel = Channel("lab", time_zone=ZoneInfo(zone) if zone else None)
    conversion = converted(message(taken=taken), channel)
    found = of(conversion, "DiagnosticReport").get("effectiveDateTime")

    if expected is None:
        assert found in {"2026-04-05T01:45:00+11:00", "2026-04-05T01:45:00+10:30", "2026-04-05"}
        assert any(each.location == "OBR[1]-7" for each in conversion.issues)
    else:
        assert expected == found
