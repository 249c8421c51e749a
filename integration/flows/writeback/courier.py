"""The story of one delivery to a FHIR server: what goes, whose it is there, written at once or in turn.

| what happens | becomes |
|---|---|
| everything stands there as it should | taken; codes say what was new, changed, held for a review, left out |
| a draft, and nobody showed that the server keeps drafts apart | refused, "drafts-unproven" |
| the patient, order or study is not there, or several times | refused, with its own reason (`matching`) |
| the server does not answer, 408, 425, 429, 5xx | unreachable: again later, not before Retry-After |
| an answer was lost | silent: again later, and looked for first |
| 409, 412 after one more try | refused, "conflict" |
| 401, 403 | refused, "forbidden": credential or scope; of a transaction that was our choice: in turn |
| any other 4xx, a redirect, an entry that failed | refused, its words kept sealed |
| an answer that is none, or too long; an address elsewhere | refused, "unreadable" or "foreign-address" |
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from integration import errors
from integration.flows.writeback import manifest as manifests
from integration.flows.writeback.matching import Matcher
from integration.flows.writeback.placing import Place, Places
from integration.flows.writeback.policy import Policy
from integration.flows.writeback.ports import FhirServer, Memory, Terms
from integration.flows.writeback.shipment import Loader, Shipment
from integration.flows.writeback.single_writes import SingleWrites
from integration.flows.writeback.transaction import Transaction
from mappers.fhir import departure

Node = dict[str, Any]

_TRANSACTION: Final = "transaction"
#: How long a CapabilityStatement is believed.
_BELIEVED_S: Final = 3600.0
#: Why a server did not take something, by the type of its error.
_REASONS: Final[dict[type[errors.WardwireError], str]] = {
    errors.RemoteConflict: "conflict",
    errors.RemoteForbidden: "forbidden",
    errors.RemoteMissing: "missing",
    errors.RemoteRefused: "refused",
    errors.RemoteUnreadable: "unreadable",
    errors.AddressRefused: "foreign-address",
}


@dataclass(slots=True)
class FhirCourier:
    """Carries manifests to one FHIR server; from any thread, one order key at a time.

    Attributes:
        drafts_proven: whether trials showed that this server keeps drafts apart.
        clock: monotonic seconds.
    """

    server: FhirServer
    terms: Terms
    loader: Loader
    memory: Memory
    drafts_proven: Callable[[], bool]
    clock: Callable[[], float] = time.monotonic
    _style: tuple[float, str] | None = field(default=None, repr=False)

    def carry(self, content: bytes, *, name: str) -> str | None:  # noqa: ARG002 - identifiers name what is there
        """Bring everything there; codes of what was done.

        Raises:
            NotDelivered: as the table of this module says.
            BlobCorrupt, NotFound, StoreUnavailable: our own store.
        """
        manifest = manifests.decode(content)
        if manifest.draft and not self.drafts_proven():
            text = f"run `wardwire destinations probe {self.terms.name}` first"
            raise errors.DestinationRefused(text, reason="drafts-unproven")
        shipment = self.loader.load(manifest, tasks=self.terms.tasks)
        try:
            return self._carry(shipment)
        except (errors.RemoteError, errors.AddressRefused) as error:
            raise not_delivered(error) from error

    def _carry(self, shipment: Shipment) -> str:
        policy = Policy(self.terms, base=self.server.base, binaries=shipment.binaries)
        items = [item for item in shipment.items if not policy.omits(item)]
        omitted = len(shipment.items) - len(items)
        places = Places(self.server, self.memory)
        found = places.find(items)
        if all(place.done for place in found.values()):
            return _told((), omitted)
        matched = Matcher(self.server, self.terms, takes_back=shipment.takes_back).links(shipment.context)
        # What is not there, or comes later in a circle of references, is named by its identifier.
        named = {key: departure.logical(key) for key in found}

        def depart(place: Place, there: dict[str, Node]) -> Node | None:
            return policy.depart(place.item, {**matched, **named, **there}, there)

        if self._is_atomic():
            try:
                return _told(Transaction(self.server, places, depart).write(found), omitted)
            except errors.RemoteForbidden:
                # A transaction has no scope of its own, and some servers want one for everything.
                if self.terms.style == _TRANSACTION:
                    raise
                self._style = (self.clock() + _BELIEVED_S, "writes")
        return _told(SingleWrites(self.server, places, depart).write(found), omitted)

    def _is_atomic(self) -> bool:
        """Whether all is written at once: as the settings say, else if the server offers it."""
        if self.terms.style != "auto":
            return self.terms.style == _TRANSACTION
        now = self.clock()
        if self._style is None or now >= self._style[0]:
            self._style = (now + _BELIEVED_S, _offered(self.server.capabilities()))
        return self._style[1] == _TRANSACTION


def _offered(statement: Node) -> str:
    """The style that a CapabilityStatement offers."""
    for rest in statement.get("rest", ()):
        for interaction in rest.get("interaction", ()) if isinstance(rest, dict) else ():
            if isinstance(interaction, dict) and interaction.get("code") == _TRANSACTION:
                return _TRANSACTION
    return "writes"


def _told(written: Sequence[Place], omitted: int) -> str:
    """What was done, in codes: "written 5 held 1 omitted 1"."""
    counts = Counter("held" if place.held else "written" for place in written)
    counts["omitted"] = omitted
    return " ".join(f"{word} {counts[word]}" for word in sorted(counts) if counts[word]) or "unchanged"


def not_delivered(error: errors.RemoteError | errors.AddressRefused) -> errors.NotDelivered:
    """An error of the server in the words of deliveries."""
    reason = next((_REASONS[kind] for kind in type(error).__mro__ if kind in _REASONS), None)
    if isinstance(error, errors.AddressRefused):
        return errors.DestinationRefused(str(error), reason=reason)
    codes = " ".join(filter(None, (str(error.status or ""), *error.codes))) or None
    match error:
        case errors.RemoteUnavailable():
            return errors.DestinationUnreachable(
                str(error), response=codes, retry_after=error.retry_after, said=error.outcome
            )
        case errors.RemoteAmbiguous():
            return errors.DestinationSilent(
                str(error), response=codes, retry_after=error.retry_after, said=error.outcome
            )
    return errors.DestinationRefused(str(error), response=codes, reason=reason, said=error.outcome)
