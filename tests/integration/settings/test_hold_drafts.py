"""Who decides whether drafts leave unsigned: the destination, else the review."""

from __future__ import annotations

import pytest

from integration.settings import Settings

FOLDER = {"kind": "folder", "path": "/out"}


@pytest.mark.parametrize(
    ("review", "own", "expected"),
    [
        ({}, {}, "hold"),
        ({}, {"drafts": "send"}, "send"),
        ({"hold_drafts": True}, {"drafts": "send"}, "send"),
        ({"hold_drafts": False}, {}, "send"),
        ({"hold_drafts": False}, {"drafts": "hold"}, "hold"),
    ],
)
def test_the_destination_outranks_the_review(review, own, expected):
    """Without a word anywhere, drafts are held."""
    settings = Settings(review=review, destinations={"ehr": {**FOLDER, **own}})
    assert expected == settings.destinations["ehr"].drafts
