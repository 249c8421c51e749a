"""The roles as processes: one each, or all of them under a supervisor."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from integration import telemetry
from integration.settings import Settings


def run_supervisor(settings: Settings, config: Path | None = None) -> int:
    """All roles of one machine under one supervisor; the embedded database is brought up to date first."""
    from integration.supervisor import Role, Supervisor, wardwire
    from integration.wiring.stores import bring_up_to_date, open_store

    telemetry.configure(role="serve")
    store = open_store(settings)
    bring_up_to_date(store)
    store.database.close()
    path = str(config) if config else None
    return Supervisor(
        [
            Role("work", wardwire("work", config=path), stage=1),
            Role("mllp", wardwire("mllp", config=path)),
            Role("web", wardwire("web", config=path)),
        ]
    ).run()


def run_mllp(settings: Settings) -> int:
    """The `mllp` role, until it is told to stop."""
    import uvloop

    from integration.wiring.doors import serve_mllp

    telemetry.configure(role="mllp")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve_mllp(settings))


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
    code = serve_work(settings)
    # The engine's threads are no daemons: a flow that is stuck would keep a drained process alive. What it
    # had in hand is on disk as begun, and the next worker takes it up.
    logging.shutdown()
    os._exit(code)
