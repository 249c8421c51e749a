"""The FHIR client against a real server that is not ours, with every way of saying who asks."""

from __future__ import annotations

import json
import os
from decimal import Decimal

import pytest
from joserfc.jwk import ECKey, RSAKey

from integration.clients import capability
from integration.clients.signing_keys import jwks, read_key
from integration.errors import RemoteConflict, RemoteForbidden, RemoteMissing
from integration.settings import FhirAuthSettings, FhirServerSettings
from integration.wiring.fhir_servers import SOURCES, build_fhir_server
from tests.support import sekmet

pytestmark = [pytest.mark.system, sekmet.SKIP]

# This server asks for all types where a transaction is posted; FHIR has no scope of its own for it.
SCOPE = "system/ImagingStudy.cruds system/Observation.cruds system/Patient.cruds system/*.c"


@pytest.fixture(scope="module", params=["basic", "bearer", "ES384", "RS384"])
def real(request, tmp_path_factory):
    """A server that knows us by one credential, and its settings on our side."""
    folder = tmp_path_factory.mktemp(f"sekmet-{request.param}")
    if request.param == "basic":
        server_auth = {"types": ["basic"], "users": {"wardwire": "geheim"}}
        ours = {"kind": "basic", "user": "wardwire", "secret": "geheim"}
    elif request.param == "bearer":
        (folder / "token").write_text("a-token\n")
        server_auth = {"types": ["bearer"], "tokens": ["a-token"]}
        ours = {"kind": "bearer", "secret_file": folder / "token"}
    else:
        file = folder / "key.pem"
        file.touch(mode=0o600)
        key = ECKey.generate_key("P-384") if request.param == "ES384" else RSAKey.generate_key(2048)
        file.write_bytes(key.as_pem(private=True))
        client = {"client_id": "wardwire", "jwks": jwks([read_key(file)]), "scopes": SCOPE}
        server_auth = {"types": ["smart"], "smart_clients": [client], "token_lifetime": 60}
        ours = {"kind": "smart", "client_id": "wardwire", "keys": (file,), "scope": SCOPE}
    with sekmet.sekmet(folder, server_auth=server_auth) as running:
        yield running, ours


@pytest.fixture
def server(real):
    running, ours = real
    settings = FhirServerSettings(base=running.base, auth=FhirAuthSettings(**ours))
    built = build_fhir_server("channels.ehr.fhir", settings)
    assert built is not None
    return built


def observation(number: str, value: str = "5.50", **more):
    quantity = f'{{"value":{value},"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}}'
    fixed = {
        "resourceType": "Observation",
        "identifier": [{"system": "urn:wardwire:test", "value": number}],
        "status": "preliminary",
        "code": {"text": "Potassium"},
        **more,
    }
    return json.dumps(fixed)[:-1].encode() + f', "valueQuantity": {quantity}}}'.encode()


def test_who_is_not_known_is_refused(real):
    """The server does check: without our credential it says no."""
    running, _ = real
    anonymous = build_fhir_server("channels.ehr.fhir", FhirServerSettings(base=running.base))
    assert anonymous is not None
    with pytest.raises(RemoteForbidden):
        anonymous.read("Observation", "x")


def test_a_resource_makes_its_whole_way(server):
    """Created, read, updated by version, refused with an old one, read in its first version, deleted."""
    made = server.create("Observation", observation("way"))
    assert made.created

    first = server.read("Observation", made.id)
    assert "5.5" == str(first.resource["valueQuantity"]["value"]).rstrip("0")
    assert first.version

    changed = observation("way", "6.10", id=made.id)
    second = server.update("Observation", made.id, changed, version=first.version)
    assert first.version != second.version
    with pytest.raises(RemoteConflict):
        server.update("Observation", made.id, observation("way", "7.0", id=made.id), version=first.version)
    old = server.vread("Observation", made.id, first.version)
    assert Decimal("5.5") == old.resource["valueQuantity"]["value"]

    server.delete("Observation", made.id)
    with pytest.raises(RemoteMissing):
        server.read("Observation", made.id)


def test_a_conditional_create_makes_one(server):
    """The same business identifier twice is one resource."""
    query = "identifier=urn:wardwire:test|once"
    first = server.create("Observation", observation("once"), unless=query)
    again = server.create("Observation", observation("once"), unless=query)

    assert (True, False) == (first.created, again.created)
    assert first.id == again.id
    assert 1 == len(list(server.search("Observation", [("identifier", "urn:wardwire:test|once")])))


def test_a_conditional_update_finds_its_resource(server):
    """Created at first, updated afterwards."""
    query = "identifier=urn:wardwire:test|put"
    first = server.update_where("Observation", query, observation("put"))
    second = server.update_where("Observation", query, observation("put", "6.6"))

    assert first.id == second.id
    assert first.version != second.version


def test_a_search_reads_all_pages(server):
    """Seven resources in pages of two."""
    for number in range(7):
        server.create("Observation", observation(f"page-{number}", code={"text": "paged"}))
    found = list(server.search("Observation", [("status", "preliminary"), ("_count", "2")]))

    numbers = {each.resource["identifier"][0]["value"] for each in found}
    assert {f"page-{number}" for number in range(7)} <= numbers


def test_a_transaction_is_answered_entry_by_entry(server):
    """A patient and an observation of it, once, however often it is sent."""
    patient = {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:wardwire:test", "value": "tx-p"}],
    }
    resource = json.loads(observation("tx-o")) | {
        "subject": {"reference": "urn:uuid:7d8f2a90-6b0c-4f5a-9d51-0a5f0a5f0a5f"}
    }
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": "urn:uuid:7d8f2a90-6b0c-4f5a-9d51-0a5f0a5f0a5f",
                "resource": patient,
                "request": {
                    "method": "POST",
                    "url": "Patient",
                    "ifNoneExist": "identifier=urn:wardwire:test|tx-p",
                },
            },
            {
                "fullUrl": "urn:uuid:7d8f2a90-6b0c-4f5a-9d51-0a5f0a5f0a50",
                "resource": resource,
                "request": {
                    "method": "POST",
                    "url": "Observation",
                    "ifNoneExist": "identifier=urn:wardwire:test|tx-o",
                },
            },
        ],
    }
    first = server.transaction(json.dumps(bundle).encode(), repeatable=True)
    again = server.transaction(json.dumps(bundle).encode(), repeatable=True)

    assert [("Patient", True), ("Observation", True)] == [(each.kind, each.created) for each in first]
    assert [each.id for each in first] == [each.id for each in again]


def test_the_probe_says_what_will_work(server):
    """The statement of a real server: readable, R4, with transaction."""
    offered = capability.read(server.capabilities())
    findings = {each.name: each for each in capability.judge(offered, sources=SOURCES)}

    assert offered.fhir_version.startswith("4.0")
    assert all(each.passed for each in findings.values() if each.required), findings
    assert findings["transaction"].passed


def test_no_environment_variable_is_asked(server, monkeypatch):
    """A proxy of the environment would see tokens and patients."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setitem(os.environ, name, "http://127.0.0.1:9")
    settings = FhirServerSettings(base=server.base)
    again = build_fhir_server("channels.ehr.fhir", settings)
    assert again is not None
    assert "4.0.1" == again.capabilities()["fhirVersion"]
