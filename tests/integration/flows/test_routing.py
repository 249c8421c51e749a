"""Who reads some evidence: the first rule that covers it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from integration.flows.routing import Arrived, ReadingRule, rule_for
from integration.settings import RouteSettings

CHEST = Arrived(
    channel="pacs",
    message_type="ImagingStudy",
    modality="CR",
    body_part="CHEST",
    procedures=(("http://loinc.org", "36643-5"),),
    content_type="application/dicom",
)


@pytest.mark.parametrize(
    ("conditions", "covers"),
    [
        ({}, True),
        ({"channel": "pacs"}, True),
        ({"channel": "other"}, False),
        ({"message_type": "ImagingStudy"}, True),
        ({"message_type": "Media"}, False),
        ({"modality": "cr", "body_part": "chest"}, True),
        ({"modality": "CR", "body_part": "KNEE"}, False),
        ({"procedure_code": "36643-5"}, True),
        ({"procedure_code": "http://loinc.org|36643-5"}, True),
        ({"procedure_code": "http://other|36643-5"}, False),
        ({"content_type": "application/dicom"}, True),
        ({"content_type": "application/*"}, True),
        ({"content_type": "image/*"}, False),
    ],
)
def test_a_rule_covers_what_says_so(conditions, covers):
    """Every key restricts."""
    assert covers is ReadingRule(**conditions).covers(CHEST)


def test_what_says_nothing_is_not_covered_by_a_rule_that_asks():
    """An unknown body part is no chest."""
    assert not ReadingRule(body_part="CHEST").covers(Arrived(channel="pacs", message_type="Media"))


def test_a_message_type_may_leave_out_its_trigger():
    """ORU covers ORU^R01."""
    message = Arrived(channel="ris", message_type="ORU^R01", content_type="image/png")

    assert ReadingRule(message_type="ORU", content_type="image/*").covers(message)


def test_the_first_that_covers_decides():
    """Order is the user's."""
    rules = (
        ReadingRule(modality="CT", task="none"),
        ReadingRule(modality="CR", task="a"),
        ReadingRule(task="b"),
    )

    assert "a" == rule_for(CHEST, rules).task
    assert None is rule_for(CHEST, rules[:1]).task


def test_a_route_about_images_names_no_destinations():
    """Two purposes, two routes."""
    assert RouteSettings(modality="CR").about_evidence
    assert not RouteSettings(channel="a", destinations=("x",)).about_evidence
    with pytest.raises(ValidationError, match="second one"):
        RouteSettings(modality="CR", destinations=("x",))
