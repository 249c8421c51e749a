"""Fixtures of the tests about FHIR destinations."""

from __future__ import annotations

import pytest

from tests.integration.flows.writeback.benches import Bench


@pytest.fixture
def make(tmp_path):
    """Makes benches, each with what was agreed with its destination."""
    made = []

    def bench(**agreed):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Bench(folder, **agreed))
        return made[-1]

    yield bench
    for each in made:
        each.close()


@pytest.fixture(params=["transaction", "writes"])
def bench(make, request):
    """A bench whose destination knows patient and order, in both styles."""
    found = make(style=request.param)
    found.admit()
    return found
