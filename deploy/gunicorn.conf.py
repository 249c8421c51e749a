"""gunicorn for the web role, where a site starts it itself: `gunicorn --config deploy/gunicorn.conf.py`.

Reads the same settings as `wardwire web`. Why it is threads: docs/decisions/0011-process-models.md.
"""
# ruff: noqa: INP001  # gunicorn loads this file by its path

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any

from prometheus_client import multiprocess

from integration import settings

_web = settings.load().web

wsgi_app = "integration.wiring:web_application()"
bind = f"{_web.host}:{_web.port}"
certfile = str(_web.tls.certificate) if _web.tls.certificate else None
keyfile = str(_web.tls.key) if _web.tls.key else None
ca_certs = str(_web.tls.ca) if _web.tls.ca else None
cert_reqs = ssl.CERT_REQUIRED if _web.tls.require_client else ssl.CERT_NONE
forwarded_allow_ips = "127.0.0.1,::1" if _web.behind_proxy else ""

# Threads: a stream that stays open must not keep the health check waiting.
worker_class = "gthread"
workers = _web.workers
threads = _web.threads
# Nothing that holds a database handle may be opened before the fork.
preload_app = False
# On by default in gunicorn 27, in the home folder; nobody needs it.
control_socket_disable = True
# The heartbeat is a file: on a busy disk a worker would be killed for the disk's slowness.
worker_tmp_dir = "/dev/shm"  # noqa: S108  # a memory file system, and gunicorn makes the file's name

timeout = 60
graceful_timeout = 30
keepalive = 5
# Workers are renewed one after another, so that a slow leak never becomes an outage.
max_requests = 20_000
max_requests_jitter = 2_000

limit_request_line = 8190
limit_request_fields = 64
limit_request_field_size = 8190

# A query string can hold a patient identifier: requests are logged by the application, by route and id.
accesslog = None


_shared_metrics = os.environ.get("PROMETHEUS_MULTIPROC_DIR")


def on_starting(server: Any) -> None:  # noqa: ARG001
    """Begin with empty metrics: files of an earlier start would be counted again."""
    if _shared_metrics:
        for file in Path(_shared_metrics).glob("*.db"):
            file.unlink()


def child_exit(server: Any, worker: Any) -> None:  # noqa: ARG001
    """Forget a dead worker's gauges in the metrics that all workers share."""
    if _shared_metrics:
        multiprocess.mark_process_dead(worker.pid, _shared_metrics)
