"""What deploy/ says agrees with the code: commands, users, settings, metrics."""

from __future__ import annotations

import configparser
import re
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from gunicorn.config import Config

from integration.cli.main import COMMANDS
from integration.settings import describe
from tests.house.tree import ROOT, sources

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def _unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment]  # systemd's keys have capitals
    parser.read(path, encoding="utf-8")
    return parser


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_runs_a_command_as_nobody_special(path: Path) -> None:
    """Each systemd unit starts a command that exists, without root and without new privileges."""
    service = _unit(path)["Service"]

    assert service["ExecStart"].split()[1] in COMMANDS
    assert (service["User"], service["NoNewPrivileges"], service["KillMode"]) == ("wardwire", "yes", "mixed")


def test_there_is_a_unit_for_every_role() -> None:
    """One for all roles together, and one for each."""
    assert {"serve", "mllp", "web", "work"} == {
        _unit(path)["Service"]["ExecStart"].split()[1] for path in UNITS
    }


def _compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def test_compose_runs_commands_that_exist() -> None:
    """Every service but the database runs a command of ours."""
    commands = [
        service["command"][0] for name, service in _compose()["services"].items() if name != "postgres"
    ]

    assert {"migrate", "mllp", "web", "work"} == set(commands)
    assert set(commands) <= set(COMMANDS)


def _environment_names() -> set[str]:
    """The environment variables that settings have, with DEFAULT for a name of the operator's choice."""
    return {
        "WARDWIRE_" + name.replace("*", "default").replace(".", "__").upper() for name, _, _, _ in describe()
    } | {"WARDWIRE_CONFIG"}


@pytest.mark.parametrize(
    "path", [DEPLOY / "compose.yaml", DEPLOY / "Dockerfile", *UNITS], ids=lambda path: path.name
)
def test_variables_are_settings(path: Path) -> None:
    """A variable that deploy/ sets is one that Wardwire reads."""
    used = set(re.findall(r"WARDWIRE_[A-Z_]+", path.read_text(encoding="utf-8")))

    assert set() == used - _environment_names()


def test_images_do_not_run_as_root() -> None:
    """Both targets are there, and the last USER of each is not root."""
    stages = re.split(r"^FROM ", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    users = {
        stage.split("\n")[0].split(" AS ")[1]: re.findall(r"^USER (.+)$", stage, re.MULTILINE)
        for stage in stages[1:]
    }

    assert users["engine"][-1:] == users["engine-gpu"][-1:] == ["10001:10001"]


def test_gunicorn_is_configured_for_streams_and_forks() -> None:
    """Threads, no handle opened before the fork, no control socket, workers renewed, bounded headers."""
    loaded = runpy.run_path(str(DEPLOY / "gunicorn.conf.py"))
    config = Config()
    for name, value in loaded.items():
        if name in config.settings:
            config.set(name, value)

    assert ("integration.web.worker.OutcomeWorker", 2, 8) == (
        config.worker_class_str,
        config.workers,
        config.threads,
    )
    assert (False, True, "/dev/shm") == (
        config.preload_app,
        config.control_socket_disable,
        config.worker_tmp_dir,
    )
    assert 0 < config.max_requests_jitter < config.max_requests
    assert 0 < config.limit_request_line <= 8190
    assert config.accesslog is None


def test_a_dead_worker_s_gauges_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hooks empty the shared metrics at the start, and drop live gauges of a worker that is gone."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    hooks = runpy.run_path(str(DEPLOY / "gunicorn.conf.py"))
    gauge, counter = tmp_path / "gauge_livesum_4711.db", tmp_path / "counter_4711.db"
    gauge.touch()
    counter.touch()

    hooks["child_exit"](None, SimpleNamespace(pid=4711))
    assert [counter] == list(tmp_path.iterdir())
    hooks["on_starting"](None)
    assert [] == list(tmp_path.iterdir())


def _rules() -> list[dict[str, Any]]:
    loaded = yaml.safe_load((DEPLOY / "prometheus-rules.yaml").read_text(encoding="utf-8"))
    return [rule for group in loaded["groups"] for rule in group["rules"]]


def test_alerts_watch_metrics_that_exist() -> None:
    """A rule on a metric that nobody writes would never fire."""
    code = "\n".join(source.text for source in sources("integration"))
    used = {name for rule in _rules() for name in re.findall(r"\bwardwire_[a-z_]+", rule["expr"])}
    # A client library adds these endings to what the code names.
    missing = [
        name
        for name in sorted(used)
        if f'"{name}"' not in code and f'"{re.sub(r"_(total|bucket|count|sum)$", "", name)}"' not in code
    ]

    assert [] == missing


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    """Each alert has a severity, a summary, and a section of the runbook."""
    runbook = (DEPLOY / "runbook.md").read_text(encoding="utf-8")

    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert f"## {rule['alert']}\n" in runbook
