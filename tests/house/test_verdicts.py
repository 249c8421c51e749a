"""Every exception that Wardwire defines has a verdict, or a reason why no worker can meet it."""

from __future__ import annotations

import importlib
import pkgutil

from integration.flows.retry import VERDICTS, verdict
from integration.states import Attempt
from tests.house.tree import PACKAGES

#: Exceptions that never reach a worker, with the reason. Private ones never leave their module.
ELSEWHERE: dict[str, str] = {
    "integration.errors.WardwireError": "the root of its tree is never raised itself",
    "inference.errors.InferenceError": "the same",
    "integration.transports.mllp.framing.PayloadUnframeable": "raised to who frames a payload, at the wire",
    "integration.flows.review_ports.Unpaintable": "a page of the web that is not there; no worker draws pages",
    "mappers.paper.fonts.Undrawable": "the report is then filed as text alone",
    "mappers.hl7v2.lines.UndecodableError": "becomes a Refused with a located issue",
    "integration.clients.endpoint.Repeatable": "never leaves its module: what it carries is raised instead",
    "integration.clients.mllp.MllpError": "`wardwire send` alone sends over MLLP, and shows it",
    "integration.clients.mllp.Unreachable": "the same",
    "integration.clients.mllp.Unanswered": "the same",
    "integration.clients.mllp.Unsendable": "the same",
}


def _defined() -> dict[str, type[Exception]]:
    for package in PACKAGES:
        module = importlib.import_module(package)
        for found in pkgutil.walk_packages(module.__path__, f"{package}."):
            # alembic alone can load its environment; a script run as a module ends the process.
            if not found.name.endswith(("__main__", ".migrations.env")):
                importlib.import_module(found.name)
    ours: dict[str, type[Exception]] = {}
    heap = list(Exception.__subclasses__())
    while heap:
        kind = heap.pop()
        heap += kind.__subclasses__()
        if kind.__module__.split(".")[0] in PACKAGES and not kind.__name__.startswith("_"):
            ours[f"{kind.__module__}.{kind.__qualname__}"] = kind
    return ours


def test_every_exception_has_a_verdict() -> None:
    """The table is total over every exception class of the three packages."""
    missing = [name for name, kind in _defined().items() if kind not in VERDICTS and name not in ELSEWHERE]

    assert [] == sorted(missing)


def test_no_reason_outlives_its_exception() -> None:
    """The list of exceptions without a verdict names only classes that exist."""
    assert set() == set(ELSEWHERE) - set(_defined())


def test_an_unknown_error_parks() -> None:
    """What nobody has thought of waits for a human."""
    assert Attempt.PARK is verdict(ZeroDivisionError())


def test_a_descendant_shares_its_parent_s_verdict() -> None:
    """A new kind of a known failure is judged as that failure until the table says more."""
    for kind, expected in VERDICTS.items():
        heir = type("Heir", (kind,), {"__init__": Exception.__init__})
        assert expected is verdict(heir())
