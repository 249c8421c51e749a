"""Who may connect to a listener, and how much of it each may use. Knows addresses and names, no socket.

| guests     | a peer                                        | may connect | its rate                      |
|------------|-----------------------------------------------|-------------|-------------------------------|
| none named | any                                           | yes         | the listener's, for itself    |
| some       | the first guest whose address and subject fit | yes         | the guest's, shared by all of |
|            |                                               |             | it; else the listener's       |
| some       | fits none                                     | no          |                               |

A guest that names subjects is met only by who proved one in mutual TLS.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from integration.transports.mllp.terms import Peer

#: Rates of peers that are remembered before those with nothing to remember are forgotten.
_MOST_PACES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A peer that a listener knows by a name of ours.

    Attributes:
        addresses: where it may come from; empty is anywhere.
        subjects: RFC 4514 subjects of its certificates; empty is any, or none.
        max_message_bytes: less than the listener's; None is the listener's.
        messages_per_second: of all its connections together; None is the listener's.
    """

    name: str
    addresses: tuple[IPv4Network | IPv6Network, ...] = ()
    subjects: frozenset[str] = frozenset()
    max_message_bytes: int | None = None
    messages_per_second: float | None = None

    def may_come_from(self, host: str) -> bool:
        """Whether its address fits, whatever certificate it may prove."""
        if not self.addresses:
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self.addresses)

    def is_met_by(self, peer: Peer) -> bool:
        """Whether address and subject fit."""
        return self.may_come_from(peer.host) and (not self.subjects or peer.tls_subject in self.subjects)


class Pace:
    """How fast messages are begun: a bucket of one second's worth that fills steadily.

    Args:
        rate: messages a second.
        now: seconds on any clock that does not go back.
    """

    __slots__ = ("_filled_at", "_rate", "_tokens")

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._tokens = max(1.0, rate)
        self._filled_at = now

    def take(self, now: float) -> float:
        """Begin a message: 0.0, or the seconds until one may be begun; nothing is taken then."""
        self._tokens = min(max(1.0, self._rate), self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._rate

    def is_full(self, now: float) -> bool:
        """Whether forgetting it would change nothing."""
        return self._tokens + (now - self._filled_at) * self._rate >= max(1.0, self._rate)


@dataclass(frozen=True, slots=True)
class Visit:
    """What one connection may do.

    Attributes:
        max_message_bytes: None is the listener's limit.
        pace: shared with the other connections of this peer; None is as fast as it can.
    """

    max_message_bytes: int | None = None
    pace: Pace | None = None


class Admission:
    """The list of one listener. Lives on its event loop.

    Args:
        guests: in the order in which they are looked at; without any, everybody may come.
        messages_per_second: of each peer that has no rate of its own; None is no limit.
    """

    def __init__(self, guests: Sequence[Guest] = (), *, messages_per_second: float | None = None) -> None:
        self._guests = tuple(guests)
        self._rate = messages_per_second
        self._paces: dict[str, Pace] = {}

    def may_knock(self, host: str) -> bool:
        """Whether a connection from there is worth a handshake."""
        return not self._guests or any(guest.may_come_from(host) for guest in self._guests)

    def admit(self, peer: Peer, *, now: float) -> Visit | None:
        """What this peer may do; None when it may not come in."""
        own = f"peer {peer.tls_subject or peer.host}"
        if not self._guests:
            return Visit(None, self._pace(own, self._rate, now))
        guest = next((guest for guest in self._guests if guest.is_met_by(peer)), None)
        if guest is None:
            return None
        if guest.messages_per_second is None:
            return Visit(guest.max_message_bytes, self._pace(own, self._rate, now))
        pace = self._pace(f"guest {guest.name}", guest.messages_per_second, now)
        return Visit(guest.max_message_bytes, pace)

    def _pace(self, key: str, rate: float | None, now: float) -> Pace | None:
        if rate is None:
            return None
        if key not in self._paces:
            if len(self._paces) >= _MOST_PACES:
                # Not those in use: a peer could shed its past by coming again.
                self._paces = {name: pace for name, pace in self._paces.items() if not pace.is_full(now)}
            self._paces[key] = Pace(rate, now)
        return self._paces[key]
