"""A PostgreSQL for the tests: the one of WARDWIRE_TEST_POSTGRES, else a private cluster, else a skip."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

_PROVIDE = "no PostgreSQL here: `apt-get install postgresql` provides it, or set WARDWIRE_TEST_POSTGRES"


def _programs() -> Path | None:
    """The folder of initdb: Debian keeps it off the PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin/initdb"), default=Path()).parent or None


class Cluster:
    """A running server and its folder. It answers on a socket in that folder only."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._data = folder / "data"
        # PostgreSQL refuses to run as root.
        self._user = _unprivileged() if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(folder, self._user)
        self._run("initdb", "--pgdata", self._data, "--username", "wardwire", "--auth", "trust",
                  "--encoding", "UTF8", "--no-sync")  # fmt: skip

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://wardwire@/postgres?host={self._folder}"

    def start(self) -> None:
        options = f"-c listen_addresses= -c unix_socket_directories={self._folder} -c fsync=off"
        self._run("pg_ctl", "--pgdata", self._data, "--wait", "--log", self._folder / "log",
                  "--options", options, "start")  # fmt: skip

    def stop(self) -> None:
        self._run("pg_ctl", "--pgdata", self._data, "--mode", "immediate", "--wait", "stop")

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self._programs / program), *map(str, arguments)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=self._user, cwd=self._folder)


def _unprivileged() -> str:
    users = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in users else "nobody"


@contextmanager
def private_cluster() -> Iterator[Cluster]:
    """A cluster of one's own, e.g. to stop and start it; skips where no PostgreSQL is installed."""
    programs = _programs()
    if programs is None:
        pytest.skip(_PROVIDE)
    # Not under pytest's folder: the server's user may not enter there, and a socket's path is short.
    folder = Path(tempfile.mkdtemp(prefix="wwpg", dir="/tmp"))
    try:
        folder.chmod(0o755)
        cluster = Cluster(programs, folder)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def any_server() -> Iterator[str]:
    """URL of a server on which databases can be made."""
    configured = os.environ.get("WARDWIRE_TEST_POSTGRES")
    if configured:
        yield configured
        return
    with private_cluster() as cluster:
        yield cluster.url


@contextmanager
def empty_database(server: str) -> Iterator[str]:
    """URL of a new database on a server; dropped at the end."""
    url = sa.make_url(server)
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    name = f"wardwire_{uuid.uuid4().hex}"
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
