"""The application under gunicorn: threads, limits, and none of gunicorn's own log lines."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from prometheus_client import multiprocess

from integration.settings import WebSettings

#: Shared memory, so that the workers' sign of life never waits for a disk.
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
#: A next link carries the query, so lines may be long; beyond it there is POST _search.
LONGEST_LINE = 8190
MOST_HEADERS = 64
LONGEST_HEADER = 8190


class QuietLogger(Logger):  # type: ignore[misc]
    """Errors through the process' own logging, and no access log: its lines hold queries."""

    def setup(self, cfg: Any) -> None:
        """Install no handlers: what gunicorn says goes up to the root logger."""
        self.cfg = cfg
        self._access_log_enabled = False
        self.error_log.propagate = True

    def reopen_files(self) -> None:
        """There are none."""


def options(web: WebSettings, *, metrics_folder: Path | None = None) -> Mapping[str, Any]:
    """What gunicorn is to be told, from our settings.

    Threads, since readers may hold connections open; no preloading, since database handles do not survive
    a fork; a worker is renewed now and then, at no moment that all share.

    Args:
        web: the HTTP settings.
        metrics_folder: PROMETHEUS_MULTIPROC_DIR, if the processes share their metrics.
    """
    host = f"[{web.host}]" if ":" in web.host else web.host
    chosen: dict[str, Any] = {
        "bind": f"{host}:{web.port}",
        "workers": web.workers,
        "worker_class": "integration.web.worker.OutcomeWorker",
        "threads": web.threads,
        "preload_app": False,
        "max_requests": 100_000,
        "max_requests_jitter": 10_000,
        "timeout": 60,
        "graceful_timeout": 30,
        "keepalive": 15,
        "limit_request_line": LONGEST_LINE,
        "limit_request_fields": MOST_HEADERS,
        "limit_request_field_size": LONGEST_HEADER,
        "control_socket_disable": True,
        "accesslog": None,
        "logger_class": QuietLogger,
        "forwarded_allow_ips": "127.0.0.1,::1" if web.behind_proxy else "",
    }
    if metrics_folder is not None:
        chosen["child_exit"] = _forgetting(metrics_folder)
    if _SHARED_MEMORY.is_dir():
        chosen["worker_tmp_dir"] = str(_SHARED_MEMORY)
    if web.tls.certificate is not None:
        chosen |= {
            "certfile": str(web.tls.certificate),
            "keyfile": str(web.tls.key),
            "ca_certs": str(web.tls.ca) if web.tls.ca else None,
            "cert_reqs": ssl.CERT_REQUIRED if web.tls.require_client else ssl.CERT_NONE,
            "ssl_context": _modern,
        }
    return chosen


def _modern(_config: Any, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    context = default()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _forgetting(folder: Path) -> Callable[[Any, Any], None]:
    def forget(_server: Any, worker: Any) -> None:
        """The gauges of a worker that is gone must not count on."""
        multiprocess.mark_process_dead(worker.pid, str(folder))  # type: ignore[no-untyped-call]

    return forget


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, make_app: Callable[[], Flask], chosen: Mapping[str, Any]) -> None:
        self._make_app = make_app
        self._chosen = chosen
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._make_app()


def serve(make_app: Callable[[], Flask], web: WebSettings, *, metrics_folder: Path | None = None) -> None:
    """Listen and answer until SIGTERM, then drain; ends with SystemExit.

    Args:
        make_app: called in each worker process, after the fork.
        web: the HTTP settings.
        metrics_folder: as in `options`.
    """
    _Server(make_app, options(web, metrics_folder=metrics_folder)).run()
