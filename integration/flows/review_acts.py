"""What becomes of the resources of a case by an act of a person. Pure: nothing is stored or sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from integration.errors import SigningRefused
from integration.flows.review_case import Case, Held
from mappers.fhir import amending, signing
from mappers.fhir.signing import Person

Node = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person wants done.

    Attributes:
        seen: what was shown to them (`Case.seen`).
        reason: the meaning of a signature, or why it is rejected or amended.
        confirmed: they know what changed since it was drafted.
    """

    person: Person
    seen: str
    reason: str
    confirmed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """What is to be said instead.

    Attributes:
        values: reference of an Observation to its new value.
        struck: references of Observations that are taken out.
        words: key of a section, "conclusion" or "transcript", to its new words.
        meaning: of the signature, where what is amended is signed already.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    struck: frozenset[str] = frozenset()
    words: Mapping[str, str] = field(default_factory=dict)
    meaning: str = ""


def signed(case: Case, person: Person, *, at: str) -> tuple[Node, ...]:
    """The drafts as signed; what is final already stays."""
    return tuple(signing.finished(each.resource, person, at=at) for each in case.drafts)


def rejected(case: Case) -> tuple[Node, ...]:
    """All of it entered in error."""
    return tuple(signing.withdrawn(each.resource) for each in case.drafts)


def amended(case: Case, amendment: Amendment, person: Person, *, at: str) -> tuple[Node, ...]:
    """The drafts with a person's words in the place of others.

    Raises:
        SigningRefused: nothing is changed, or what is to be changed is not there.
    """
    assert case.focus is not None
    results = {each.reference: each for each in case.results}
    unknown = (set(amendment.values) | amendment.struck) - results.keys()
    unknown |= set(amendment.words) - amending.words(case.focus.resource).keys()
    if unknown:
        raise SigningRefused("a result or section that is to be amended is not part of it")
    changed = {
        reference: done
        for reference, said in amendment.values.items()
        if reference not in amendment.struck
        and (done := amending.changed(results[reference].resource, said)) is not None
    }
    changed |= {each: signing.withdrawn(results[each].resource) for each in amendment.struck}
    focus = _reworded(case.focus, amendment)
    if not changed and focus == case.focus.resource:
        raise SigningRefused("nothing is changed")
    was_final = signing.is_final(case.focus.resource)
    changed[case.focus.reference] = focus
    return tuple(
        _as_amended(changed[each.reference], person, at=at)
        if was_final and each.reference in changed
        else changed.get(each.reference, each.resource)
        for each in case.drafts
    )


def _reworded(focus: Held, amendment: Amendment) -> Node:
    resource = focus.resource
    for key, said in amendment.words.items():
        resource = amending.worded(resource, key, said) or resource
    if amendment.struck:
        resource = amending.without(resource, set(amendment.struck))
    return resource


def _as_amended(resource: Node, person: Person, *, at: str) -> Node:
    """What was signed and is changed: amended, unless it is taken out."""
    if signing.is_gone(resource):
        return resource
    return signing.amended(resource, person, at=at)
