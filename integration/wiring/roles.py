"""The roles as processes: one each, or all of them under a supervisor."""

from __future__ import annotations

import asyncio

from integration import telemetry
from integration.settings import Settings


def run_mllp(settings: Settings) -> int:
    """The `mllp` role, until it is told to stop."""
    import uvloop

    from integration.wiring.doors import serve_mllp

    telemetry.configure(role="mllp")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_mllp(settings, ready=lambda: None))
    return 0


def run_web(settings: Settings) -> int:
    """The `web` role, until it is told to stop."""
    from integration.wiring.webs import serve_web

    telemetry.configure(role="web")
    serve_web(settings)
    return 0


def run_work(settings: Settings) -> int:
    """The `work` role, until it is told to stop."""
    from integration.wiring.workers import serve_work

    telemetry.configure(role="work")
    return serve_work(settings, ready=lambda: None)
