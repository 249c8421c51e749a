"""Fixtures of the tests about what leaves."""

from __future__ import annotations

import pytest

from tests.integration.flows.delivering.outboxes import Tray


@pytest.fixture
def tray(tmp_path):
    """An empty outbox."""
    made = Tray(tmp_path)
    yield made
    made.database.close()
