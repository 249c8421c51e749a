"""Which tests need other people's programs: they can be run by themselves, `make elsewhere`."""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is skipped without WARDWIRE_TEST_VENVS, so that a run can ask for just that."""
    for item in items:
        reasons = (str(mark.kwargs.get("reason", "")) for mark in item.iter_markers("skipif"))
        if any("WARDWIRE_TEST_VENVS" in reason for reason in reasons):
            item.add_marker(pytest.mark.elsewhere)
