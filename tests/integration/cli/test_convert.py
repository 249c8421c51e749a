"""`wardwire convert`: what it says when a file cannot be used."""

from __future__ import annotations

import json
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


def test_a_fact_that_fhir_cannot_carry_is_among_the_unmapped_fields(tmp_path: Path) -> None:
    """OBR-22 without a zone is no instant: it was read, it is not written, and its row says so."""
    message, ledger = tmp_path / "m.hl7", tmp_path / "ledger.ndjson"
    message.write_bytes(
        b"MSH|^~\\&|A|B|C|D|20261122120000||ORU^R01|1|P|2.5.1\rPID|1||17^^^W^MR\r"
        b"OBR|1||F-1^L|X^x^L|||20261122080000|||||||||||||||20261122100000||CH|F\r"
        b"OBX|1|NM|K^k^L||4.2|mmol/L|||||F\r"
    )
    result = CliRunner().invoke(wardwire, ["convert", str(message), "--ledger", str(ledger)])
    (line,) = map(json.loads, ledger.read_text().splitlines())
    rows = {row["segment"]: row["unmapped"] for row in line["rows"]}

    assert 0 == result.exit_code
    assert "OBR-22" in rows["OBR[1]"]
    assert not [each for each in rows["OBX[1]"] if each.startswith("OBR")]
