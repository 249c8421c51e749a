"""A door over a store of its own."""

import pytest

from tests.support.door import door_in


@pytest.fixture
def door(tmp_path):
    """An empty store with one channel, "lab"."""
    with door_in(tmp_path) as made:
        yield made
