"""The public examples of US Core as a server would give them: each is copied without a traceback, and validly.

The examples are not part of this project: set WARDWIRE_CORPORA to the folder that has them in `us-core-9`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.flows.local_copies import KINDS, Copier
from mappers.domain.attribution import Software
from mappers.domain.channels import Channel
from mappers.domain.identifiers import Known
from mappers.domain.issues import Refused
from mappers.domain.times import Moment
from mappers.fhir import document_reference, patient_reader, r4, service_request_reader
from mappers.fhir.source_identities import Place
from tests.support.fhir_feed import BASE, Server

ROOT = os.environ.get("WARDWIRE_CORPORA", "")

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not ROOT, reason="set WARDWIRE_CORPORA to a folder of messages"),
]


def examples() -> Iterator[dict[str, Any]]:
    for path in sorted((Path(ROOT) / "us-core-9").glob("*.json")) if ROOT else ():
        yield r4.decode(path.read_bytes())


EXAMPLES = {f"{each['resourceType']}/{each.get('id', '')}": each for each in examples()}


@pytest.fixture(scope="module")
def server():
    return Server(resources=EXAMPLES)


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name.partition("/")[0] in KINDS] or ["(none)"])
def test_an_example_becomes_valid_copies(server, name):
    """With its references; all that was left out is said, and what our readers need of it is there."""
    assert EXAMPLES, "there is no us-core-9 below WARDWIRE_CORPORA"
    software = Software("Wardwire", "0")
    copier = Copier(place=Place(Channel("corpus"), BASE), source=server, software=software)
    resource = EXAMPLES[name]
    copied = copier.copy(resource, r4.encode(resource), recorded=Moment("2026-11-22T09:00:00Z"))

    for entry in copied.entries:
        assert r4.is_valid(entry.resource), [each.location for each in r4.validate(entry.resource)]
    copy = next(e.resource for e in copied.entries if e.resource["resourceType"] == resource["resourceType"])
    lost = resource.keys() - copy.keys() - {"implicitRules"}
    assert {issue.location.split(".")[1].split("[")[0] for issue in copied.issues} >= lost
    _read(copy)


def _read(copy: dict[str, Any]) -> None:
    kind, identity = copy["resourceType"], Known(copy["resourceType"], (copy["id"],))
    if kind == "Patient":
        names = {name.family for name in patient_reader.read(copy, identity=identity).names}
        assert {each.get("family") for each in copy.get("name", [])} <= names | {None}
    elif kind == "ServiceRequest":
        assert copy["status"] == service_request_reader.read(copy, identity=identity).status
    elif kind == "DocumentReference":
        assert len(document_reference.read(copy).attachments) <= len(copy["content"])


def test_all_of_them_are_read_or_refused_by_name():
    """Types that are not copied, too: nothing in them makes the reading of JSON fail."""
    for name, resource in EXAMPLES.items():
        try:
            issues = r4.validate(resource)
        except Refused as refusal:  # pragma: no cover  # would say which
            pytest.fail(f"{name}: {refusal}")
        assert all(issue.text for issue in issues)
