"""Retries of these tests do not wait."""

from __future__ import annotations

import pytest

from tests.support.fhir_peer import without_waiting


@pytest.fixture(autouse=True)
def _no_pauses():
    with without_waiting():
        yield
