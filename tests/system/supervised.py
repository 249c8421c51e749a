"""A supervisor of dummy roles: `python -m tests.system.supervised SETTINGS`, with settings as JSON."""

from __future__ import annotations

import json
import sys

from integration import supervisor, telemetry
from integration.supervisor import Role, Supervisor

settings = json.loads(sys.argv[1])
supervisor.CRASHES_TO_GIVE_UP = settings.get("crashes", 12)
supervisor.FIRST_PAUSE_S = supervisor.LONGEST_PAUSE_S = 0.05
telemetry.configure(role="serve")
roles = [
    Role(role["name"], (sys.executable, *role["command"]), stage=role.get("stage", 0))
    for role in settings["roles"]
]
sys.exit(Supervisor(roles, drain_s=settings.get("drain_s", 30.0)).run())
