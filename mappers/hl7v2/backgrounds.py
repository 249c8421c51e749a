"""Orders and specimens of a message's groups, each thing once.

An order or specimen of which several groups of one message say the same is one thing; where they say
different things under one identity, each keeps its own (`identities.distinguish`), for nothing may be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from mappers.domain.coding import Concept
from mappers.domain.identifiers import Identity
from mappers.domain.issues import IssueCode
from mappers.domain.orders import Note, Order
from mappers.domain.results import Specimen
from mappers.hl7v2 import identities
from mappers.hl7v2.accounts import Account
from mappers.hl7v2.grammar import SpecimenGroup
from mappers.hl7v2.identities import Sender
from mappers.hl7v2.plan import Request, Subject
from mappers.hl7v2.segments import nte, orc, sac, spm
from mappers.hl7v2.tokens import Segment

_T = TypeVar("_T", Order, Specimen)
#: Per order group its specimens, by SPM; None is the specimen of OBR-15.
Specimens = dict[Request, dict[SpecimenGroup | None, Specimen]]

#: Table 0119: the order that goes, and the one that comes in its place.
_REPLACED: Final = frozenset({"RP", "RU"})
_REPLACING: Final = "RO"
_APART: Final = " say different things; told apart, so a later message on one of them may not be recognised"


@dataclass(frozen=True, slots=True)
class Desk:
    """What reading them needs."""

    account: Account
    scopes: Sender
    codes: Mapping[Request, Concept]

    def notes(self, segments: Sequence[Segment]) -> tuple[Note, ...]:
        """Comments; one without text is reported."""
        notes: list[Note] = []
        for segment in segments:
            note = nte.read(self.account.reader(segment))
            if note is None:
                self.account.report(segment)
            else:
                notes.append(note)
        return tuple(notes)


def read_specimens(desk: Desk, requests: Sequence[Request]) -> Specimens:
    """The specimens of order groups."""
    places: list[tuple[Request, SpecimenGroup | None]] = []
    found: list[Specimen] = []
    for request in requests:
        for place, specimen in _specimens_of(desk, request):
            places.append((request, place))
            found.append(specimen)
    contents = [
        (request.owner, _specimen_content(each)) for (request, _), each in zip(places, found, strict=True)
    ]
    settled = _settle(contents, lambda specimen: _words(specimen.type))
    for (_, place), specimen, identity in zip(places, found, settled, strict=True):
        if place and identity != specimen.identity:
            text = f"several specimens of one number{_APART}"
            desk.account.reader(place.spm).first(2).warn(IssueCode.DUPLICATE, text)
    per_request: Specimens = {each: {} for each in requests}
    for (request, place), specimen, identity in zip(places, found, settled, strict=True):
        per_request[request][place] = replace(specimen, identity=identity)
    return per_request


def read_alone(desk: Desk, subject: Subject) -> dict[SpecimenGroup | None, Specimen]:
    """The specimens that lead no order."""
    found: dict[SpecimenGroup | None, Specimen] = {}
    for group in subject.group.specimens:
        reader = desk.account.reader(group.spm)
        identity = identities.specimen(identities.digest([group.spm]), reader)
        found[group] = _specimen(desk, group, identity)
    return found


def taken_for(specimens: Specimens, orders: Mapping[Request, Order]) -> dict[Identity, Specimen]:
    """The specimens of what was ordered, each once, with all orders that it was taken for."""
    found: dict[Identity, Specimen] = {}
    for request, order in orders.items():
        for specimen in specimens[request].values() if request.asks else ():
            known = found.get(specimen.identity, specimen)
            served = tuple(dict.fromkeys((*known.orders, order.identity)))
            found[specimen.identity] = replace(known, orders=served)
    return found


def _specimens_of(desk: Desk, request: Request) -> list[tuple[SpecimenGroup | None, Specimen]]:
    if request.obr is None:
        return []
    found: list[tuple[SpecimenGroup | None, Specimen]] = []
    for group in request.group.specimens:
        reader = desk.account.reader(group.spm)
        identity = identities.specimen(request.work, reader)
        found.append((group, _specimen(desk, group, identity)))
    if not found:
        identity = identities.specimen_of_order(request.work)
        described = spm.of_order(request.obr, identity=identity)
        found += [(None, described)] if described else []
    return found


def _specimen(desk: Desk, group: SpecimenGroup, identity: Identity) -> Specimen:
    containers = (sac.read(desk.account.reader(each)) for each in group.containers)
    return spm.read(
        desk.account.reader(group.spm),
        identity=identity,
        notes=desk.notes(group.notes),
        containers=tuple(each for each in containers if each),
    )


def read_orders(
    desk: Desk,
    requests: Sequence[Request],
    *,
    supporting: Mapping[Request, tuple[Identity, ...]],
    specimens: Specimens,
) -> dict[Request, Order]:
    """The orders of groups that have an OBR."""
    found: dict[Request, Order] = {}
    for request in requests:
        order = _order(desk, request, supporting=supporting.get(request, ()), specimens=specimens)
        if order:
            found[request] = order
    contents = [(request.owner, _order_content(order)) for request, order in found.items()]
    settled = _settle(contents, lambda order: _words(order.code))
    for (request, order), identity in zip(found.items(), settled, strict=True):
        if request.obr and identity != order.identity:
            request.obr.first(2).warn(IssueCode.DUPLICATE, f"several orders of one number and test{_APART}")
    named = {
        request: replace(
            order, identity=identity, aliases=order.aliases if identity == order.identity else ()
        )
        for (request, order), identity in zip(found.items(), settled, strict=True)
    }
    return _with_replacements(_with_all_support(named))


def _order(
    desk: Desk, request: Request, *, supporting: tuple[Identity, ...], specimens: Specimens
) -> Order | None:
    if request.obr is None:
        return None
    group = request.group
    comments = [*group.order_notes, *(request.notes if request.asks else [])]
    details = {
        name: [desk.account.reader(each) for each in group.details.get(name, ())]
        for name in ("DG1", "IPC", "ZDS", "PRT")
    }
    of = specimens[request].values() if request.asks else ()
    return orc.read(
        request.orc,
        request.obr,
        identity=identities.service_request(request.numbers, desk.scopes, request.work, request.obr),
        order_numbers=request.numbers,
        beside=orc.Beside(
            code=desk.codes[request],
            mentioned=request.mentioned,
            timings=[desk.account.reader(each) for each in group.timings],
            details=details,
            notes=desk.notes(comments),
            aliases=identities.aliases(request.numbers, desk.scopes, request.obr),
            supporting=supporting,
            specimens=tuple(each.identity for each in of),
        ),
    )


def _with_all_support(orders: dict[Request, Order]) -> dict[Request, Order]:
    """One order of several groups has the supporting facts and specimens of all of them."""
    support: dict[Identity, tuple[dict[Identity, None], dict[Identity, None]]] = {}
    for order in orders.values():
        facts, specimens = support.setdefault(order.identity, ({}, {}))
        facts |= dict.fromkeys(order.supporting)
        specimens |= dict.fromkeys(order.specimens)
    return {
        request: replace(
            order,
            supporting=tuple(support[order.identity][0]),
            specimens=tuple(support[order.identity][1]),
        )
        for request, order in orders.items()
    }


def _with_replacements(orders: dict[Request, Order]) -> dict[Request, Order]:
    """RO takes the place of the RP or RU that it follows (chapter 4.2.2.1, order control codes)."""
    replaced: list[Identity] = []
    replacing = False
    found: dict[Request, Order] = {}
    for request, order in orders.items():
        control = (request.orc.first(1).peek(1) or "").upper() if request.orc else ""
        if control in _REPLACED:
            replaced = [order.identity] if replacing else [*replaced, order.identity]
        replacing = control == _REPLACING
        others = tuple(each for each in replaced if each != order.identity)
        if replacing and others and request.orc:
            request.orc.first(1).take(1)
            found[request] = replace(order, replaces=others)
        else:
            found[request] = order
    return found


def _order_content(order: Order) -> Order:
    """What an order says, wherever it says it."""
    return replace(order, origins=(), supporting=(), specimens=(), notes=_placeless(order.notes))


def _specimen_content(specimen: Specimen) -> Specimen:
    """What is said of a specimen, wherever it is said."""
    containers = tuple(replace(each, origin="") for each in specimen.containers)
    return replace(specimen, origin="", notes=_placeless(specimen.notes), containers=containers)


def _placeless(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    return tuple(replace(note, origin="") for note in notes)


def _settle(contents: Sequence[tuple[str, _T]], finer: Callable[[_T], str]) -> list[Identity]:
    """Identities of (owner, content): equal contents stay one thing, different ones are told apart."""
    drafts = list(dict.fromkeys(contents))
    owned = identities.apart([each.identity for _, each in drafts], [owner for owner, _ in drafts])
    distinct = identities.distinguish(owned, [finer(each) for _, each in drafts])
    settled = dict(zip(drafts, distinct, strict=True))
    return [settled[each] for each in contents]


def _words(concept: Concept | None) -> str:
    """A concept as a part of an identity."""
    if concept is None:
        return ""
    return next((coding.code for coding in concept.codings if coding.code), None) or concept.text or ""
