"""README's first feed, line by line, against a real Wardwire."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.house.tree import ROOT
from tests.support.serving import Serving, wait_for
from tests.support.serving import serving as running

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(shutil.which("curl") is None, reason="README reads with curl: apt-get install curl"),
]


def feed() -> list[str]:
    """The lines of the block below `## A first feed`."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("## A first feed\n")[1]
    block = re.search(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert block is not None
    return block[1].splitlines()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    with running(tmp_path) as wardwire:
        yield wardwire


def _run(line: str, serving: Serving) -> str:
    """What a line prints, with the ports and the folder of this test in place of README's."""
    line = line.replace("2575", str(serving.mllp_port)).replace("8080", str(serving.web_port))
    environment = {
        **serving.environment,
        "PATH": f"{Path(sys.executable).parent}:{serving.environment['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-c", line], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


def _found(line: str, serving: Serving) -> list[dict[str, Any]]:
    bundle = json.loads(_run(line, serving), parse_float=Decimal)
    return [entry["resource"] for entry in bundle.get("entry", [])]


def test_the_first_feed_runs_as_written(serving: Serving) -> None:
    """A final result is sent and read back; its correction is a new version of the same Observation."""
    path, serve, send_final, listing, reports, potassium, send_correction, again, verify = feed()
    assert (path.split("=")[0], serve) == ("export PATH", "wardwire serve &")

    assert "AA" in _run(send_final, serving)
    assert "ORU^R01" in _run(listing, serving)
    wait_for(lambda: len(_found(reports, serving)) == 2, what="two final reports")
    (first,) = _found(potassium, serving)
    assert ("final", Decimal("5.90")) == (first["status"], first["valueQuantity"]["value"])

    assert "AA" in _run(send_correction, serving)
    wait_for(lambda: _found(again, serving)[0]["status"] == "corrected", what="the correction")
    (second,) = _found(again, serving)
    assert (first["id"], "4.50") == (second["id"], str(second["valueQuantity"]["value"]))
    _run(verify, serving)
