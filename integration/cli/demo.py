"""`wardwire demo`: real traffic over real sockets to an engine on embedded defaults, and an account of it."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import httpx2
from rich.console import Console
from rich.panel import Panel
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from integration.cli.demo_story import FIXTURES, STORY, Check, Scene, account, verify, write_out
from integration.clients.mllp import Acknowledgement, Receiver, Sender
from integration.settings import environment_of_child

#: Seconds within which the engine has to be up, and each message processed.
_PATIENCE = 60.0


@click.command()
@click.option("--once", is_flag=True, help="End by itself: exit 0 only if every expected resource is there.")
@click.option(
    "--fixtures", type=click.Path(path_type=Path), default=FIXTURES, help="Folder of demo messages."
)
@click.option("--keep", type=click.Path(path_type=Path), help="Keep the demo's data in this folder.")
@click.option(
    "--export",
    type=click.Path(path_type=Path),
    default=Path(".demo/fhir"),
    show_default=True,
    help="Write every resource as a JSON file here.",
)
@click.option("--port", type=int, help="Port of the pages; else a free one.")
def demo(fixtures: Path, keep: Path | None, export: Path, port: int | None, *, once: bool) -> None:
    """Start Wardwire, send it laboratory results, show what was written, and leave the pages open.

    \b
    Example:
      wardwire demo
      wardwire demo --once
    """
    console = Console()
    if not (fixtures / STORY[0].file).is_file():
        raise click.UsageError(f"no demo messages in {fixtures}; run it in a checkout, or say --fixtures")
    with tempfile.TemporaryDirectory(prefix="wardwire-demo-") as scratch:
        folder = keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        with _engine(folder, console, port) as (base, mllp_port):
            checks = _play(console, base, mllp_port, fixtures)
            write_out(base, export)
            passed = all(check.passed for check in checks)
            if not once:
                _stay(console, base)
    if not passed:
        sys.exit(1)


@contextmanager
def _engine(folder: Path, console: Console, port: int | None) -> Iterator[tuple[str, int]]:
    """A running `wardwire serve` on loopback: base URL and MLLP port."""
    web_port, mllp_port = port or _free_port(), _free_port()
    chosen = {
        "store": {"url": f"sqlite:///{folder.absolute() / 'wardwire.sqlite'}"},
        "mllp": {"default": {"port": mllp_port}},
        "web": {"port": web_port, "workers": 1},
        "channels": {"default": {"time_zone": "Europe/Rome"}},
        # Who tries it out signs under any name: nobody else can reach these pages.
        "review": {"local_names": True},
    }
    log = folder / "serve.log"
    with log.open("ab") as stream:
        process = subprocess.Popen(  # our own command
            [sys.executable, "-m", "integration.cli", "serve"],
            env=environment_of_child(chosen),
            cwd=folder,
            stdout=stream,
            stderr=stream,
        )
    base = f"http://127.0.0.1:{web_port}"
    try:
        with console.status("Starting Wardwire on embedded defaults (SQLite, local blob folder) …"):
            _wait(lambda: _is_ready(process, base, log), "the engine did not start")
            _wait(lambda: _listens(mllp_port), "the MLLP listener did not start")
        console.print(
            f"[green]✓[/] Wardwire is up: MLLP on 127.0.0.1:{mllp_port}, pages and FHIR on {base}\n"
        )
        yield base, mllp_port
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_ready(process: subprocess.Popen[bytes], base: str, log: Path) -> bool:
    if process.poll() is not None:
        sys.stderr.write(log.read_text(encoding="utf-8", errors="replace")[-4000:])
        raise click.ClickException(f"the engine ended with exit code {process.returncode}")
    try:
        answer = httpx2.get(f"{base}/readyz", timeout=5)
    except httpx2.HTTPError:
        return False
    return answer.status_code == httpx2.codes.OK


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait(condition: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise click.ClickException(f"{complaint} within {_PATIENCE:.0f} seconds")
        time.sleep(0.1)


def _play(console: Console, base: str, mllp_port: int, fixtures: Path) -> tuple[Check, ...]:
    """Send every scene, wait until it is processed, and check what is there at the end."""
    answers: dict[str, Acknowledgement] = {}
    receiver = Receiver(host="127.0.0.1", port=mllp_port)
    columns = (
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with httpx2.Client(base_url=base, timeout=10) as web, Sender(receiver) as sender:
        with Progress(*columns, console=console) as progress:
            for scene in STORY:
                task = progress.add_task(scene.title, total=None)
                answers[scene.name] = sender.send(scene.message(fixtures))
                if scene.writes:
                    _wait(lambda scene=scene: _is_processed(web, scene), f"{scene.file} was not processed")  # type: ignore[misc]
                told = f"{scene.title} [dim]→ MLLP answer {answers[scene.name].code}[/]"
                progress.update(task, description=told, total=1, completed=1)
        _wait(lambda: _is_idle(web), "messages were not processed")
        console.print()
        console.print(account(web))
        checks = verify(web, answers)
    for check in checks:
        console.print(f"{'[green]✓[/]' if check.passed else '[red]✗[/]'} {check.text}")
    return checks


def _is_processed(web: httpx2.Client, scene: Scene) -> bool:
    """Whether the Provenance of the scene's message is there: it is written with everything else."""
    found = web.get("/fhir/Provenance", params={"_summary": "count"}).json()
    return int(found["total"]) >= scene.provenances


def _is_idle(web: httpx2.Client) -> bool:
    checks = {check["name"]: check for check in web.get("/readyz").json()["checks"]}
    return bool(checks["backlog"]["reason"] == "nothing waits")


def _stay(console: Console, base: str) -> None:
    console.print(
        Panel(
            f"Pages:  {base}/\nReview: {base}/review\nFHIR:   {base}/fhir/DiagnosticReport\n"
            f"Health: {base}/readyz    Metrics: {base}/metrics",
            title="Open until Ctrl-C",
        )
    )
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print("\nStopping: nothing acknowledged is lost.")
