"""Fixtures of the web tests."""

from __future__ import annotations

import pytest

from tests.support.web import web_over


@pytest.fixture
def web(tmp_path):
    """The application over an empty store."""
    with web_over(tmp_path) as built:
        yield built
