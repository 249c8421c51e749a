"""gunicorn for the web role, where a site starts it itself: `gunicorn --config deploy/gunicorn.conf.py`.

Reads the same settings as `wardwire web` and sets the same options.
"""
# ruff: noqa: INP001  # gunicorn loads this file by its path

from typing import Any

from integration import settings
from integration.web.server import options

_metrics = settings.metrics_folder()
wsgi_app = "integration.wiring.webs:web_application()"
globals().update(options(settings.load().web, metrics_folder=_metrics))


def on_starting(server: Any) -> None:  # noqa: ARG001
    """Begin with empty metrics: files of an earlier start would be counted again."""
    if _metrics:
        for file in _metrics.glob("*.db"):
            file.unlink()
