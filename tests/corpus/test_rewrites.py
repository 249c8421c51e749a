"""Every message of the corpus, spelled in every way that can carry it: the same FHIR, or the same refusal."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from mappers.domain.attribution import Software
from mappers.domain.channels import Channel
from mappers.domain.issues import Mapped, Refused
from mappers.domain.ledger import Disposition
from mappers.domain.times import Moment
from mappers.fhir import r4, result_bundle
from mappers.hl7v2 import batches, messages
from mappers.hl7v2.segments import msh
from mappers.hl7v2.structures import Reading
from mappers.hl7v2.tokens import parse
from tests.corpus import rewriting
from tests.corpus.test_oru import ROOT
from tests.corpus.test_oru import messages as corpus

CHANNEL = Channel("corpus")
SOFTWARE = Software("Wardwire", "1")
RECORDED = Moment("2026-11-22T12:00:00Z")
SUPPORTED = {"ORU", "OUL", "ORM", "OMG", "OMI", "OML", "MDM", "ADT"}

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not ROOT, reason="set WARDWIRE_CORPORA to a folder of messages"),
]


def read(raw: bytes) -> Mapped[Reading] | Refused:
    """The reading of a message, as if its bytes had no digest: a rewrite has other bytes."""
    try:
        message = parse(raw, channel=CHANNEL).value
        source = msh.source(message, channel=CHANNEL, sha256="0" * 64, size=0)
        return messages.read(message, channel=CHANNEL, source=source)
    except Refused as refusal:
        return refusal


@cache
def readable() -> tuple[tuple[str, bytes, Mapped[Reading]], ...]:
    """The messages that are read."""
    found = ((name, raw, read(raw)) for name, raw in corpus())
    return tuple((name, raw, outcome) for name, raw, outcome in found if isinstance(outcome, Mapped))


def facts(reading: Mapped[Reading]) -> bytes:
    """Its FHIR without the Provenance, which names the source and keeps segments as they were spelled."""
    found: list[Any] = []
    for report in reading.value.lab_reports:
        written = result_bundle.write(report, software=SOFTWARE, recorded=RECORDED)
        found += [each.resource for each in written.entries if each.resource["resourceType"] != "Provenance"]
    return r4.encode(found)


def account(reading: Mapped[Reading]) -> list[tuple[str, Disposition]]:
    """What became of each segment; the fields of MSH are what the rewrite is about."""
    return [(row.segment, row.disposition) for row in reading.value.ledger.rows]


def test_every_message_is_read_or_refused_with_a_place() -> None:
    """A refusal says where and why, and of what is read here only fragments are refused."""
    refused = [outcome.issue for _, raw in corpus() if isinstance(outcome := read(raw), Refused)]

    assert [] == [each for each in refused if not (each.location and each.text and each.hl7_error)]
    assert 780 < len(readable())
    assert SUPPORTED == {
        reading.value.lab_reports[0].source.trigger.partition("^")[0] for _, _, reading in readable()
    } - {""}


def test_every_rewrite_says_the_same() -> None:
    """Delimiters, line ends, character sets, a lower version: FHIR and ledger unchanged."""
    changed, count = [], 0
    for name, raw, reading in readable():
        expected, rows = facts(reading), account(reading)
        for kind, again in rewriting.rewrites(raw, CHANNEL):
            count += 1
            outcome = read(again)
            if isinstance(outcome, Refused):
                changed.append(f"{name} {kind}: refused at {outcome.issue.location}")
            elif account(outcome) != rows:
                changed.append(f"{name} {kind}: ledger")
            elif facts(outcome) != expected:
                changed.append(f"{name} {kind}: FHIR")

    assert [] == changed
    assert 5000 < count


def test_a_batch_of_all_is_all() -> None:
    """All messages in one file, between FHS and FTS: the same messages."""
    raws = [raw for _, raw, _ in readable() if raw.startswith(b"MSH")]
    bodies = [raw.replace(b"\r\n", b"\r").replace(b"\n", b"\r").rstrip(b"\r") for raw in raws]
    batch = b"\r".join([b"FHS|^~\\&|A", b"BHS|^~\\&|A", *bodies, b"BTS|%d" % len(raws), b"FTS|1"])

    split = batches.split_batch(batch).value

    assert [facts(read(raw)) for raw in bodies[:200]] == [facts(read(each.content)) for each in split[:200]]
    assert len(raws) == len(split)


def test_what_is_written_is_valid() -> None:
    """No resource of any message is refused by the rules of R4, and each mapped segment has a FHIR path."""
    wrong = []
    for name, _, reading in readable():
        traced: set[str] = set()
        for report in reading.value.lab_reports:
            written = result_bundle.write(report, software=SOFTWARE, recorded=RECORDED)
            wrong += [
                f"{name} {each.location} {each.text}" for each in written.issues if each.severity == "error"
            ]
            traced |= {label for label, _ in written.trace}
        mapped = {row.segment for row in reading.value.ledger.rows if row.disposition is Disposition.MAPPED}
        wrong += [f"{name} {label} nowhere" for label in sorted(mapped - traced)]

    assert [] == wrong
