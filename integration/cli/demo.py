"""`wardwire demo`: real traffic over real sockets to an engine on embedded defaults, and an account of it."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import httpx2
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from integration.cli import demo_reading as reading
from integration.cli.demo_hospital import open_hospital
from integration.cli.demo_story import FIXTURES, STORY, Check, Scene, account, validity, verify, write_out
from integration.clients.mllp import Acknowledgement, Receiver, Sender
from integration.settings import environment_of_child

#: Seconds within which the engine has to be up, and each message processed.
_PATIENCE = 60.0
#: The same for what models read: the first time they are loaded.
_PATIENCE_WITH_MODELS = 300.0


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
    """Start Wardwire, send it results, an order, a study and a dictation, show what was written.

    The pages stay open until Ctrl-C. All models in it are demonstrations.

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
        with (
            open_hospital(fixtures / "hospital") as hospital,
            _engine(folder, console, port, hospital) as engine,
        ):
            checks = _play(console, engine, fixtures)
            write_out(engine.base, export)
            passed = all(check.passed for check in checks)
            if not once:
                _stay(console, engine.base)
    if not passed:
        sys.exit(1)


@dataclass(frozen=True, slots=True)
class _Engine:
    """A running `wardwire serve` on loopback.

    Attributes:
        base: of its pages and its FHIR face.
        hospital: address of the demo's hospital.
        environment: of a command that shares its settings.
    """

    base: str
    mllp_port: int
    hospital: str
    folder: Path
    environment: Mapping[str, str]


@contextmanager
def _engine(folder: Path, console: Console, port: int | None, hospital: str) -> Iterator[_Engine]:
    """Wardwire at work."""
    web_port, mllp_port = port or _free_port(), _free_port()
    part = reading.settings_of(hospital)
    chosen = {
        **part,
        "store": {"url": f"sqlite:///{folder.absolute() / 'wardwire.sqlite'}"},
        "mllp": {"default": {"port": mllp_port}},
        "web": {"port": web_port, "workers": 1},
        "channels": {"default": {"time_zone": "Europe/Rome"}, **part["channels"]},
        # Who tries it out signs under any name: nobody else can reach these pages.
        "review": {"local_names": True},
    }
    environment = environment_of_child(chosen)
    log = folder / "serve.log"
    with log.open("ab") as stream:
        process = subprocess.Popen(  # our own command
            [sys.executable, "-m", "integration.cli", "serve"],
            env=environment,
            cwd=folder,
            stdout=stream,
            stderr=stream,
        )
    base = f"http://127.0.0.1:{web_port}"
    try:
        with console.status("Starting Wardwire on embedded defaults (SQLite, local blob folder) …"):
            _wait(lambda: _is_ready(process, base, log), "the engine did not start")
            _wait(lambda: _listens(mllp_port), "the MLLP listener did not start")
        console.print(f"[green]✓[/] Wardwire is up: MLLP on 127.0.0.1:{mllp_port}, pages and FHIR on {base}")
        console.print(f"[green]✓[/] A hospital is up beside it: FHIR and DICOMweb on {hospital}")
        console.print("[yellow]![/] What models say here is a demonstration: tiny models of drawings\n")
        yield _Engine(base, mllp_port, hospital, folder, environment)
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


def _wait(condition: Callable[[], bool], complaint: str, *, seconds: float = _PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise click.ClickException(f"{complaint} within {seconds:.0f} seconds")
        time.sleep(0.1)


def _play(console: Console, engine: _Engine, fixtures: Path) -> tuple[Check, ...]:
    """Send every scene, wait until it is processed, and check what is there after each part."""
    columns = (
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with httpx2.Client(base_url=engine.base, timeout=10) as web:
        with Progress(*columns, console=console) as progress:
            answers = _send(web, engine, fixtures, progress)
            _wait(lambda: _is_idle(web), "messages were not processed")
            checks = verify(web, answers)
            _tell(web, engine, progress)
            checks += tuple(reading.verify(web))
            checks += (reading.sign(engine.environment, engine.folder), *reading.verify_signed(web))
        console.print()
        console.print(account(web))
        checks += (validity(web),)
    for check in checks:
        console.print(f"{'[green]✓[/]' if check.passed else '[red]✗[/]'} {escape(check.text)}")
    return checks


def _send(
    web: httpx2.Client, engine: _Engine, fixtures: Path, progress: Progress
) -> dict[str, Acknowledgement]:
    """The messages of HL7 v2, over one connection."""
    answers: dict[str, Acknowledgement] = {}
    with Sender(Receiver(host="127.0.0.1", port=engine.mllp_port)) as sender:
        for scene in STORY:
            task = progress.add_task(scene.title, total=None)
            answers[scene.name] = sender.send(scene.message(fixtures))
            if scene.writes:
                _wait(lambda scene=scene: _is_processed(web, scene), f"{scene.file} was not processed")  # type: ignore[misc]
            told = f"{scene.title} [dim]→ MLLP answer {answers[scene.name].code}[/]"
            progress.update(task, description=told, total=1, completed=1)
    return answers


def _tell(web: httpx2.Client, engine: _Engine, progress: Progress) -> None:
    """What the hospital's FHIR server tells of."""
    for visit in reading.VISITS:
        task = progress.add_task(visit.title, total=None)
        resource = httpx2.get(f"{engine.hospital}/fhir/{visit.reference}").content
        answer = visit.notify(web, resource)
        _wait(
            lambda visit=visit: visit.is_read(web),  # type: ignore[misc]
            f"{visit.reference} was not read",
            seconds=_PATIENCE_WITH_MODELS,
        )
        told = f"{visit.title} [dim]→ HTTP answer {answer.status_code}[/]"
        progress.update(task, description=told, total=1, completed=1)


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
