"""Datatype checks by hl7apy: located, without values, in every version."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mappers.domain.channels import Channel
from mappers.domain.issues import Issue, IssueCode
from mappers.hl7v2 import er7
from mappers.hl7v2.tokens import parse


def check(text: str, *, version: str = "2.5.1", encoding: str = "^~\\&") -> tuple[Issue, ...]:
    raw = f"MSH|{encoding}|LAB|H|W|H|20260101||ORU^R01^ORU_R01|1|P|{version}\r{text}\r"
    message = parse(raw.encode(), channel=Channel("lab")).value
    return er7.check_segment(message.segments[1], message=message)


def locations(text: str, *, version: str = "2.5.1", encoding: str = "^~\\&") -> list[str]:
    return [issue.location for issue in check(text, version=version, encoding=encoding)]


@pytest.mark.parametrize("encoding", ["^~\\&", "^~\\&#"])
def test_a_good_segment_has_no_issue(encoding: str) -> None:
    """Five-character MSH-2 below 2.7 included, which hl7apy itself refuses."""
    assert [] == locations("OBX|1|NM|718-7^Hb^LN||13.5|g/dL|||||F|||20260101", encoding=encoding)


@pytest.mark.parametrize(
    ("text", "where", "code"),
    [
        ("PID|1||1^^^A||D^J||19XX0101", "PID[1]-7", IssueCode.VALUE),
        ("PID|1||||D^J", "PID[1]-3", IssueCode.REQUIRED),
        ("PID|x||1^^^A||D^J", "PID[1]-1", IssueCode.VALUE),
        ("OBX|1|NM|718-7^Hb^LN||high||||||F", "OBX[1]-5", IssueCode.VALUE),
        ("OBX|1|DT|1^x^LN||2026||||||F", None, None),
        ("OBX|1|NM|718-7^Hb^LN||1~high||||||F", "OBX[1]-5(2)", IssueCode.VALUE),
        ("OBX|1|ST|718-7^Hb^LN||high|g~h|||||F", "OBX[1]-6", IssueCode.STRUCTURE),
        (f"PID|1||1^^^A||{'D' * 300}", "PID[1]-5", IssueCode.TOO_LONG),
    ],
)
def test_faults_have_a_place_and_a_kind(text: str, where: str | None, code: IssueCode | None) -> None:
    """Wrong datatypes (in OBX-5 by OBX-2), missing fields, too many repetitions, too long."""
    assert ([(where, code)] if where else []) == [(issue.location, issue.code) for issue in check(text)]


def test_no_issue_repeats_a_value() -> None:
    """hl7apy's own words quote it."""
    assert "MARKER" not in repr(check("PID|MARKER||1^^^A||D^J||MARKER"))


def test_unknown_segments_are_named_and_local_ones_pass() -> None:
    """PRT came with 2.7; Z segments are nobody's business."""
    assert (["PRT[1]"], []) == (locations("PRT|1||UP"), locations("ZDS|1.2.3^W^Application^DICOM"))
    assert "PRT[1]" not in locations("PRT|1||UP", version="2.7")


@pytest.mark.parametrize(
    ("version", "nearest"),
    [
        ("2.5.1", "2.5.1"),
        ("2.9", "2.8.2"),
        ("2.3.2", "2.3.1"),
        ("2.3.z", "2.3"),
        ("", "2.5.1"),
        ("1", "2.1"),
        ("x", "2.5.1"),
    ],
)
def test_unknown_versions_are_checked_as_the_nearest(version: str, nearest: str) -> None:
    """hl7apy raises on them."""
    assert nearest == er7.nearest_version(version)


def test_other_delimiters_are_passed_on() -> None:
    """A component separator of another kind is no part of a value."""
    assert [] == locations("PID|1||1$$$A||D$J||19800101", encoding="$*!%")


def test_hl7apy_is_loaded_when_first_used() -> None:
    """The listener, which never checks, does without it."""
    done = subprocess.run(
        [sys.executable, "-c", "import mappers.hl7v2.er7, sys; print('hl7apy' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "False" == done.stdout.strip()
