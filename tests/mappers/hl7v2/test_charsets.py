"""Character sets: MSH-18 decides, decoding is strict, a failure names the byte and its field."""

from __future__ import annotations

import pytest

from mappers.domain.channels import Channel
from mappers.domain.issues import Mapped, Refused, Severity
from mappers.hl7v2 import charsets, tables
from mappers.hl7v2.tokens import Message, parse

CHANNEL = Channel("lab")


def message(character_set: str, unit: bytes) -> bytes:
    header = b"MSH|^~\\&|LAB|H|W|H|20260101||ORU^R01^ORU_R01|1|P|2.5.1||||||" + character_set.encode()
    return header + b"\rOBX|1|NM|x||5|" + unit + b"||||F\r"


def unit_of(mapped: Mapped[Message]) -> str:
    return mapped.value.named("OBX")[0].get(6)


def refusal(raw: bytes, channel: Channel = CHANNEL) -> Refused:
    with pytest.raises(Refused) as caught:
        parse(raw, channel=channel)
    return caught.value


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("ASCII", "ascii"),
        ("8859/1", "iso8859-1"),
        ("8859/15", "iso8859-15"),
        ("UNICODE UTF-8", "utf-8"),
        ("UNICODE", "utf-8"),
        ("utf-8", "utf-8"),
        ("ISO IR87", "iso2022_jp"),
        ("iso ir 87", "iso2022_jp"),
        ("GB 18030-2000", "gb18030"),
        ("KS X 1001", "euc_kr"),
        ("BIG-5", "big5"),
    ],
)
def test_names_of_table_0211_have_their_codec(name: str, codec: str) -> None:
    """Official codes and the spellings seen in feeds, blanks and case aside."""
    found = charsets.named(name)

    assert found is not None
    assert codec == found.codec


@pytest.mark.parametrize("name", ["UNICODE UTF-16", "UNICODE UTF-32", "CNS 11643-1992", "ISO IR 999", ""])
def test_some_names_have_no_codec(name: str) -> None:
    """Withdrawn, unsupported and unknown sets."""
    assert charsets.named(name) is None


@pytest.mark.parametrize(
    ("character_set", "text"),
    [
        ("8859/1", "µg/Ü"),
        ("8859/15", "€"),
        ("8859/2", "łódź"),
        ("8859/5", "мкг"),
        ("8859/7", "μg"),
        ("UNICODE UTF-8", "µg/dL 漢字"),
        ("GB 18030-2000", "微克"),
        ("BIG-5", "微克"),
        ("KS X 1001", "단위"),
        ("ISO IR14", "ｱｲｳ"),
    ],
)
def test_the_declared_set_is_used(character_set: str, text: str) -> None:
    """Every kind of MSH-18 that carries the text, without any issue."""
    codec = tables.codec(character_set)
    mapped = parse(message(character_set, text.encode(codec)), channel=CHANNEL)

    assert text == unit_of(mapped)
    assert () == mapped.issues
    assert (character_set, codec) == (mapped.value.character_set, mapped.value.codec)


@pytest.mark.parametrize("declared", ["~ISO IR87", "ASCII~ISO IR87", "ISO IR87"])
def test_iso_2022_switches_within_the_text(declared: str) -> None:
    """Japanese reached by escape sequences; the repeat of MSH-18 announces it."""
    mapped = parse(message(declared, "単位".encode("iso2022_jp")), channel=CHANNEL)

    assert "単位" == unit_of(mapped)


def test_iso_2022_reaches_more_than_one_set() -> None:
    """JIS X 0208 and 0212 in one message."""
    mapped = parse(message("ASCII~ISO IR87~ISO IR159", "単位 丂".encode("iso2022_jp_ext")), channel=CHANNEL)

    assert "単位 丂" == unit_of(mapped)


def test_without_escape_sequences_the_first_set_counts() -> None:
    """Further repeats of MSH-18 are reached by escape sequences only."""
    assert "µg" == unit_of(parse(message("8859/1~ISO IR87", b"\xb5g"), channel=CHANNEL))


def test_an_empty_msh_18_is_ascii() -> None:
    """The standard's default, without any issue."""
    mapped = parse(message("", b"mg/dL"), channel=CHANNEL)

    assert ("ASCII", ()) == (mapped.value.character_set, mapped.issues)


def test_an_empty_msh_18_is_utf_8_in_practice() -> None:
    """Bytes beyond ASCII that are UTF-8 are read so, with a warning."""
    mapped = parse(message("", "µg".encode()), channel=CHANNEL)

    assert "µg" == unit_of(mapped)
    assert [("MSH[1]-18", Severity.WARNING)] == [(i.location, i.severity) for i in mapped.issues]


def test_an_empty_msh_18_falls_back_on_the_channel() -> None:
    """What is no UTF-8 is read in the channel's configured set."""
    assert "µg" == unit_of(parse(message("", b"\xb5g"), channel=Channel("lab", character_set="8859/1")))


def test_a_configured_iso_2022_set_is_recognised_by_its_escapes() -> None:
    """ISO 2022 text is valid ASCII too; its escape bytes tell."""
    channel = Channel("lab", character_set="ISO IR87")

    assert "単位" == unit_of(parse(message("", "単位".encode("iso2022_jp")), channel=channel))


def test_bytes_that_do_not_decode_refuse_the_message() -> None:
    """Located to segment, field and offset, data type error 102, without the bytes themselves."""
    raw = message("UNICODE UTF-8", b"\xb5g")
    issue = refusal(raw).issue

    assert ("OBX[1]-6", "102", Severity.FATAL) == (issue.location, issue.hl7_error, issue.severity)
    assert f"byte at offset {raw.index(0xB5)} " in issue.text


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (b"MSH|^~\\&|L\xffB|H|W|H|20260101||ORU^R01|1|P|2.5\r", "MSH[1]-3"),
        (b"MSH|^~\\&|LAB|H|W|H|20260101||ORU^R01|1|P|2.5\rOBX|1\rOBX|2|TX|a\nb|\xff\r", "OBX[2]-4"),
        (b"MSH|^~\\&|LAB|H|W|H|20260101||ORU^R01|1|P|2.5\rOB\xff|1\r", "MSH[1]-12"),
        (b"MSH|^~\\&|LAB|H|W|H|20260101||ORU^R01|1|P|2.5\r\xff\xfe\r", "MSH[1]-12"),
        (b"MSH|^~\\&|LAB|H|W|H|20260101||ORU^R01|1|P|2.5\rpid|1|||\xff\r", "PID[1]-4"),
    ],
)
def test_a_bad_byte_is_located_wherever_it_stands(raw: bytes, where: str) -> None:
    """In the header, in a continued line, in a name, in a lower-case segment."""
    assert where == refusal(raw).issue.location


def test_the_offset_counts_from_the_first_byte_received() -> None:
    """A byte order mark and blank lines before MSH count."""
    raw = b"\xef\xbb\xbf\r\n" + message("UNICODE UTF-8", b"\xb5g")

    assert f"byte at offset {raw.index(0xB5)} " in refusal(raw).issue.text


def test_a_wrong_msh_18_falls_back_on_the_channel_with_a_warning() -> None:
    """Declared ASCII, sent 8859/1: the channel knows."""
    mapped = parse(message("ASCII", b"\xb5g"), channel=Channel("lab", character_set="8859/1"))

    assert "µg" == unit_of(mapped)
    assert ["MSH[1]-18"] == [issue.location for issue in mapped.issues]


def test_the_refusal_speaks_of_the_declared_set() -> None:
    """When neither the declared nor the configured set decodes."""
    issue = refusal(message("UNICODE UTF-8", b"\xff\x81"), Channel("lab", character_set="ASCII")).issue

    assert issue.text.endswith("UNICODE UTF-8")


def test_an_override_is_final() -> None:
    """For senders whose MSH-18 lies."""
    channel = Channel("lab", character_set_override="UNICODE UTF-8")
    mapped = parse(message("8859/1", "µg".encode()), channel=channel)

    assert ("µg", ()) == (unit_of(mapped), mapped.issues)
    assert "OBX[1]-6" == refusal(message("8859/1", b"\xb5g"), channel).issue.location


def test_8859_1_with_windows_bytes_is_windows() -> None:
    """0x80 to 0x9F are control characters in 8859/1; nobody sends those."""
    mapped = parse(message("8859/1", b"5\x96\x80"), channel=CHANNEL)

    assert "5–€" == unit_of(mapped)
    assert ["MSH[1]-18"] == [issue.location for issue in mapped.issues]


def test_utf_8_under_8859_1_is_pointed_out() -> None:
    """The broken micro sign: read as declared, with a warning that names the remedy."""
    mapped = parse(message("8859/1", "µg".encode()), channel=CHANNEL)

    assert "Âµg" == unit_of(mapped)
    assert ["character_set_override" in issue.text for issue in mapped.issues] == [True]


@pytest.mark.parametrize("name", ["ISO IR 999", "CNS 11643-1992"])
def test_an_unknown_set_is_harmless_in_ascii(name: str) -> None:
    """Every set in use holds ASCII; beyond it the message is refused (103) unless the channel helps."""
    mapped = parse(message(name, b"mg/dL"), channel=CHANNEL)
    issue = refusal(message(name, b"\xb5g")).issue

    assert ["MSH[1]-18"] == [found.location for found in mapped.issues]
    assert ("MSH[1]-18", "103") == (issue.location, issue.hl7_error)
    assert "µg" == unit_of(parse(message(name, b"\xb5g"), channel=Channel("lab", character_set="8859/1")))


@pytest.mark.parametrize("name", ["UNICODE UTF-16", "UNICODE UTF-32"])
def test_withdrawn_sets_are_refused(name: str) -> None:
    """UTF-16 and UTF-32 shall not be used."""
    issue = refusal(message(name, b"x")).issue

    assert ("MSH[1]-18", "102") == (issue.location, issue.hl7_error)


def test_utf_16_bytes_are_recognised() -> None:
    """A message in UTF-16 has no MSH that bytes could show; the refusal says why."""
    raw = message("UNICODE UTF-16", b"x").decode().encode("utf-16")

    assert "MSH[1]-18" == refusal(raw).issue.location


def test_an_unknown_configured_set_is_refused_as_ours() -> None:
    """Application error 207: the channel, not the sender, is wrong."""
    assert (
        "207" == refusal(message("", b"x"), Channel("lab", character_set_override="EBCDIC")).issue.hl7_error
    )


def test_trail_bytes_that_look_like_delimiters_are_text() -> None:
    """Double-byte sets reuse the bytes of | and \\ as second bytes: decoding comes before splitting."""
    text = "表ポ能"
    raw = text.encode("shift_jis")

    assert {0x5C, 0x7C} & set(raw)
    assert text == unit_of(parse(message("ISO IR14", raw), channel=CHANNEL))
