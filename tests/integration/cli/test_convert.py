"""`wardwire convert`: what it says when a file cannot be used."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from integration.cli.main import wardwire

MESSAGE = Path(__file__).parents[3] / "fixtures" / "demo" / "2-final.hl7"


def test_a_ledger_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """No traceback: exit code 1 and the path."""
    ledger = tmp_path / "nowhere" / "ledger.ndjson"
    result = CliRunner().invoke(wardwire, ["convert", str(MESSAGE), "--ledger", str(ledger)])

    assert 1 == result.exit_code
    assert f"Could not open file '{ledger}'" in result.output
    assert isinstance(result.exception, SystemExit)
