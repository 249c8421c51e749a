"""`wardwire labs --fhir`: a document that came with no message, as FHIR."""

from __future__ import annotations

import base64

from click.testing import CliRunner

from integration.cli.main import wardwire
from mappers.fhir import r4
from tests.support.demo_document import RESULTS, pdf


def test_fhir_is_a_valid_bundle_of_document_and_draft(tmp_path, monkeypatch):
    """--fhir: the file byte for byte, the results preliminary, a Task; every reference within it leads somewhere."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "report.pdf"
    file.write_bytes(pdf())
    done = CliRunner().invoke(wardwire, ["labs", "--fhir", str(file)])

    assert (0, "") == (done.exit_code, done.stderr)
    bundle = r4.decode(done.stdout_bytes)
    resources = [entry["resource"] for entry in bundle["entry"]]
    assert [] == list(r4.validate(bundle))
    of = {
        kind: [each for each in resources if each["resourceType"] == kind]
        for kind in {r["resourceType"] for r in resources}
    }
    assert pdf() == base64.b64decode(of["DocumentReference"][0]["content"][0]["attachment"]["data"])
    assert [(name, value, "preliminary") for name, value, *_ in RESULTS] == [
        (each["code"]["text"], str(each["valueQuantity"]["value"]), each["status"])
        for each in of["Observation"]
    ]
    assert ("preliminary", "requested") == (of["DiagnosticReport"][0]["status"], of["Task"][0]["status"])
    urls = {entry["fullUrl"] for entry in bundle["entry"]}
    assert {url for url in _references(bundle) if url.startswith("urn:uuid:")} <= urls
    assert all(url.startswith("urn:uuid:") for url in _references(bundle))


def _references(node):
    if isinstance(node, dict):
        found = [node["reference"]] if isinstance(node.get("reference"), str) else []
        return found + [each for value in node.values() for each in _references(value)]
    return [each for item in node for each in _references(item)] if isinstance(node, list) else []
