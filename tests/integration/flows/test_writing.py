"""Provenance under the names that resources are stored by: what its targets say of themselves stays."""

from __future__ import annotations

from integration.flows import writing
from mappers.fhir.result_bundle import Entry

PLACE = {"url": "https://example.org/place", "valueString": "page 1"}


def test_a_target_keeps_its_place_under_another_name():
    """Where the value was read stands on the target; the same target twice is one, a stale one none."""
    targets = [
        {"reference": "Observation/new", "extension": [PLACE]},
        {"reference": "Observation/stored"},
        {"reference": "Observation/stale", "extension": [PLACE]},
    ]
    entry = Entry({"resourceType": "Provenance", "id": "p", "target": targets}, once=True)
    written = writing._of(entry, {"Observation/new": "Observation/stored"}, {"Observation/stale"})

    assert written is not None
    assert [{"reference": "Observation/stored", "extension": [PLACE]}] == written.resource["target"]
