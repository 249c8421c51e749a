"""MDM^T02 as it is written: one report as a document."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest

from mappers.domain.documents import Document
from mappers.domain.issues import Refused
from mappers.hl7v2 import er7, tokens
from mappers.hl7v2.outbound import mdm_t02
from mappers.hl7v2.outbound.recipient import VERSIONS, Recipient
from tests.mappers.hl7v2.outbound.facts import CHANNEL, NOW, fixture


def document() -> Document:
    content = b"%PDF-1.4 synthetic"
    return Document(content, "application/pdf", hashlib.sha256(content).hexdigest())


def message(name: str = "oru_r01/imaging.hl7", version: str = "2.5.1", **more) -> tokens.Message:
    (whole,) = fixture(name)
    outgoing = mdm_t02.write(whole, whole.reports[0], recipient=Recipient(version=version), now=NOW, **more)
    return tokens.parse(outgoing.named("W1"), channel=CHANNEL).value


def test_the_grammar() -> None:
    """MSH EVN PID PV1 TXA OBX, as chapter 9 has them."""
    assert ["MSH", "EVN", "PID", "PV1", "TXA", "OBX"] == [each.name for each in message().segments]


def test_the_document_s_header() -> None:
    """TXA names the document by the report's identity, its kind, order numbers and status."""
    (whole,) = fixture("oru_r01/imaging.hl7")
    (txa,) = message().named("TXA")

    assert ("DI", "TX", "AU", "AV") == tuple(txa.get(n, component=1) for n in (2, 3, 17, 19))
    assert whole.reports[0].identity.id == txa.get(12, component=1)
    assert txa.get(15, component=1)


def test_versions_of_a_report_share_the_document_number() -> None:
    """A correction is recognised as another version of the same document."""
    numbers = {
        message(name).named("TXA")[0].raw(12) for name in ("demo/1-preliminary.hl7", "demo/3-correction.hl7")
    }

    assert 1 == len(numbers)


def test_results_stand_in_the_text_with_unit_range_and_flag() -> None:
    """Every measurement is a line that a person can read."""
    (whole,) = fixture("demo/2-final.hl7")
    (obx,) = message("demo/2-final.hl7").named("OBX")
    lines = [each.get() for each in obx.field(5).repetitions]

    for measurement in whole.reports[0].measurements:
        name = measurement.code.codings[0].display
        assert any(
            line.startswith(f"{name}: {measurement.value.comparator or ''}{measurement.value.value} ")
            for line in lines
        ), name


def test_a_preliminary_document_says_so() -> None:
    """Status in TXA-17, OBX-11 and the text itself."""
    found = message("demo/1-preliminary.hl7")
    (obx,) = found.named("OBX")

    assert ("IN", "P") == (found.named("TXA")[0].get(17), obx.get(11))
    assert "Status: preliminary" == obx.get(5)


def test_a_document_goes_with_it() -> None:
    """The PDF stands behind the text, byte for byte."""
    found = message(documents=(document(),))
    _, held = found.named("OBX")

    assert "AP" == found.named("TXA")[0].get(3)
    assert document().content == base64.b64decode(held.get(5, component=5))


def test_an_unknown_status_is_refused() -> None:
    """A document whose status nobody knows is not sent as if it were final."""
    (whole,) = fixture("oru_r01/imaging.hl7")
    unknown = replace(whole.reports[0], status="unknown")
    with pytest.raises(Refused) as refused:
        mdm_t02.write(whole, unknown, recipient=Recipient(), now=NOW)

    assert "OBX[1]-11" == refused.value.issue.location


@pytest.mark.parametrize("version", VERSIONS)
def test_every_segment_is_valid_in_the_recipient_s_version(version: str) -> None:
    """hl7apy's datatype check of that version finds no fault in what is particular to MDM."""
    found = message("demo/2-final.hl7", version, documents=(document(),))
    issues = [
        issue
        for segment in found.segments
        if segment.name in {"MSH", "EVN", "PV1", "TXA"}
        for issue in er7.check_segment(segment, message=found)
        if issue.location != "EVN[1]-1"  # withdrawn in 2.7, which hl7apy does not know
    ]

    assert [] == issues
