"""The engines of these tests, each on an empty database and stopped at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.engine.engines import KINDS, Both, Diary, Workflows, build
from tests.support.postgres import any_server, empty_database

Make = Callable[..., Both]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with any_server() as server:
        yield server


@pytest.fixture
def place(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of the engine's database."""
    if kind != "postgres":
        yield f"sqlite:///{tmp_path / 'engine.sqlite'}"
        return
    with empty_database(request.getfixturevalue("postgres_server")) as url:
        yield url


@pytest.fixture
def make(kind: str, place: str) -> Iterator[Make]:
    """Make engines on one database; `make({name: function}, queues=..., ...)`."""
    with ExitStack() as stack:

        def make_one(workflows: Workflows, **more: object) -> Both:
            engine = build(kind, place, workflows, **more)  # type: ignore[arg-type]
            stack.callback(engine.stop, 0)
            return engine

        yield make_one


@pytest.fixture
def diary() -> Diary:
    return Diary()
