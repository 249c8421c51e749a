"""The profiles of AI Transparency on FHIR are claimed where they are met, and nowhere else."""

from __future__ import annotations

from mappers.fhir import ai_profiles, r4
from tests.mappers.fhir import judged
from tests.mappers.fhir.test_judged_bundle import made, of


def test_models_and_what_they_authored_claim_their_profile():
    """The model's Device and the Provenance that names it as author; not Wardwire, not the findings."""
    claimed = [ai_profiles.claimed(entry.resource) for entry in made(judged.radiograph()).entries]
    profiles = [
        (each["resourceType"], each["meta"]["profile"])
        for each in claimed
        if "profile" in each.get("meta", {})
    ]
    assert [
        ("Device", [ai_profiles.AI_DEVICE]), ("Device", [ai_profiles.AI_DEVICE]),
        ("Provenance", [ai_profiles.AI_PROVENANCE]),
    ] == profiles  # fmt: skip
    assert [] == [issue for each in claimed for issue in r4.validate(each)]


def test_claiming_twice_claims_once():
    """A profile stands once."""
    (provenance,) = of(made(judged.radiograph()), "Provenance")
    once = ai_profiles.claimed(provenance)
    assert once == ai_profiles.claimed(once)


def test_what_no_model_wrote_claims_nothing():
    """A question about a study that nobody read is no word of a model."""
    assert [] == [
        entry.resource
        for entry in made(judged.unread()).entries
        if ai_profiles.claimed(entry.resource) != entry.resource
    ]
