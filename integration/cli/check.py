"""`wardwire check` and `wardwire migrate`."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sized
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from integration import settings as configuration
from integration.errors import WardwireError
from integration.settings import Settings
from integration.web.health import run
from integration.web.services import Check

#: No installation of this version was set up before this day; a clock that says so is wrong.
_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def migrate(config: Path | None, *, as_json: bool) -> None:
    """Bring the database to the schema that this version needs.

    \b
    Example:
      wardwire migrate
    """
    from integration.wiring.stores import bring_up_to_date, open_store

    store = open_store(configuration.load(config))
    schema = bring_up_to_date(store)
    click.echo(json.dumps({"schema": schema}) if as_json else f"schema {schema}")
    store.database.close()


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--example", is_flag=True, help="Print a settings file with every setting and its default.")
@click.pass_obj
def check(config: Path | None, *, as_json: bool, example: bool) -> None:
    """Look at settings, keys, database, channels, FHIR servers, clock and disk: what is wrong, what to do.

    Changes nothing but what a first start makes anyway (folder, key file). Exit code 1 if anything is wrong;
    a warning is not.

    \b
    Example:
      wardwire check
      wardwire check --example > wardwire.toml
    """
    if example:
        click.echo(configuration.example_toml(), nl=False)
        return
    settings = configuration.load(config)
    checks = (*run(tuple(_probes(settings))), *_servers(settings), *_subscriptions(settings))
    if as_json:
        told = [
            {"name": each.name, "passed": each.passed, "warned": each.warned, "reason": each.reason}
            for each in checks
        ]
        click.echo(json.dumps({"passed": all(each.passed for each in checks), "checks": told}))
    else:
        for each in checks:
            mark = click.style("ok   ", fg="green") if each.passed else click.style("wrong", fg="red")
            mark = click.style("warn ", fg="yellow") if each.passed and each.warned else mark
            click.echo(f"{mark} {each.name:<14} {each.reason}")
    if not all(each.passed for each in checks):
        sys.exit(1)


def _probes(settings: Settings) -> Iterator[Callable[[], Check]]:
    from integration.wiring.doors import server_tls
    from integration.wiring.stores import open_store
    from integration.wiring.webs import probes, tokens_of

    yield lambda: Check("settings", passed=True, reason="every setting is known and safe to run with")
    yield _clock
    try:
        store = open_store(settings)
    except WardwireError as error:
        reason = str(error)
        yield lambda: Check("store", passed=False, reason=reason)
        return
    yield from probes(settings, store)
    for name, listener in settings.mllp.items():
        yield _listener(f"mllp.{name}", listener.host, listener.port)
        yield _tls(f"mllp.{name}", partial(server_tls, listener.tls, name=f"mllp.{name}"))
    yield _listener("web", settings.web.host, settings.web.port)
    yield _tls("web", partial(server_tls, settings.web.tls, name="web"))
    yield partial(_tokens, settings, tokens_of)
    for name, channel in settings.channels.items():
        yield _channel(name, zone=channel.time_zone)
    for name, folder in settings.folders.items():
        yield _folder(name, folder.path)


def _servers(settings: Settings) -> Iterator[Check]:
    from integration.wiring import dicomweb, fhir_servers, hearing

    yield from hearing.checks(settings)
    for probe in (*fhir_servers.probes(settings), *dicomweb.probes(settings), *_destinations(settings)):
        yield from probe()


def _destinations(settings: Settings) -> Iterator[Callable[[], tuple[Check, ...]]]:
    if all(each.kind != "fhir" for each in settings.destinations.values()):
        return
    from integration.wiring.fhir_destinations import probes
    from integration.wiring.stores import open_store

    try:
        store = open_store(settings)
    except WardwireError:
        store = None  # told by the probe of the store
    yield from probes(settings, store)


def _subscriptions(settings: Settings) -> Iterator[Check]:
    from integration.wiring.stores import demand_current_schema, open_store
    from integration.wiring.subscribing import subscription_checks

    try:
        store = open_store(settings)
        demand_current_schema(store)
    except WardwireError:
        return  # another check says so
    yield from subscription_checks(settings, store)
    store.database.close()


def _clock() -> Check:
    now = datetime.now(UTC)
    return Check("clock", passed=now >= _EARLIEST, reason=f"UTC {now:%Y-%m-%d %H:%M}; keep it set by NTP")


def _listener(name: str, host: str, port: int) -> Callable[[], Check]:
    def probe() -> Check:
        try:
            with socket.create_server((host, port), reuse_port=False):
                return Check(name, passed=True, reason=f"{host} port {port} is free to listen on")
        except OSError:
            pass
        try:
            with socket.create_connection((host, port), timeout=2):
                return Check(name, passed=True, reason=f"{host} port {port} is served already")
        except OSError as error:
            reason = f"cannot listen on {host} port {port}: {error.strerror}"
            return Check(name, passed=False, reason=reason)

    return probe


def _tls(name: str, load: Callable[[], object]) -> Callable[[], Check]:
    def probe() -> Check:
        try:
            context = load()
        except WardwireError as error:
            return Check(f"{name}.tls", passed=False, reason=str(error))
        return Check(f"{name}.tls", passed=True, reason="certificate loads" if context else "plain text")

    return probe


def _tokens(settings: Settings, load: Callable[[Settings], Sized]) -> Check:
    try:
        count = len(load(settings))
    except WardwireError as error:
        return Check("web.token_file", passed=False, reason=str(error))
    reason = f"{count} tokens" if count else "no token_file: this machine alone may read"
    return Check("web.token_file", passed=True, reason=reason)


def _folder(name: str, path: Path) -> Callable[[], Check]:
    def probe() -> Check:
        if not path.is_dir():
            return Check(f"folder {name}", passed=False, reason="it is not there, or is no folder")
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            return Check(f"folder {name}", passed=False, reason="files cannot be read and moved in it")
        return Check(f"folder {name}", passed=True, reason="files can be read and moved in it")

    return probe


def _channel(name: str, *, zone: str | None) -> Callable[[], Check]:
    reason = (
        f"times without offset are {zone}"
        if zone
        else "no time_zone: times without offset become dates, and OBR-22 is not written; "
        f'set channels.{name}.time_zone, for example "Europe/Rome"'
    )
    return lambda: Check(f"channel {name}", passed=True, reason=reason, warned=zone is None)
