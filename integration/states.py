"""Message state and delivery state: two columns, each with its own table of legal moves."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class MessageState(StrEnum):
    """Where a received message is.

    RECEIVED committed, not yet begun. PROCESSING a worker has it. PROCESSED its results are stored.
    FAILED an attempt failed and will be tried again. PARKED waits for a human. DISCARDED a human closed it.
    REFUSED was NACKed at the door; its bytes are kept.
    """

    RECEIVED = "received"
    PROCESSING = "processing"
    PROCESSED = "processed"
    FAILED = "failed"
    PARKED = "parked"
    DISCARDED = "discarded"
    REFUSED = "refused"


class DeliveryState(StrEnum):
    """Where what one message leads to at one destination is.

    PENDING committed, not yet tried. RETRYING an attempt failed and will be made again. DELIVERED the
    destination took it. PARKED waits for a human. DISCARDED a human closed it.
    """

    PENDING = "pending"
    DELIVERED = "delivered"
    RETRYING = "retrying"
    PARKED = "parked"
    DISCARDED = "discarded"


class Attempt(StrEnum):
    """What a failed attempt means for the message (integration.flows.retry)."""

    RETRY = "retry"
    PARK = "park"


_M = MessageState
#: Legal moves of a message. Replay puts any finished one back to RECEIVED.
MESSAGE_MOVES: Mapping[MessageState, frozenset[MessageState]] = MappingProxyType(
    {
        _M.RECEIVED: frozenset({_M.PROCESSING, _M.PARKED, _M.DISCARDED}),
        _M.PROCESSING: frozenset({_M.PROCESSED, _M.FAILED, _M.PARKED, _M.PROCESSING}),
        _M.PROCESSED: frozenset({_M.RECEIVED}),
        _M.FAILED: frozenset({_M.RECEIVED, _M.PROCESSING, _M.PARKED, _M.DISCARDED}),
        _M.PARKED: frozenset({_M.RECEIVED, _M.DISCARDED}),
        _M.DISCARDED: frozenset({_M.RECEIVED}),
        _M.REFUSED: frozenset({_M.RECEIVED, _M.DISCARDED}),
    }
)

_D = DeliveryState
#: Legal moves of a delivery. PENDING again is an operator's retry, also of what was delivered. An attempt
#: that was under way when an operator parked or discarded it may still arrive, and then that is the truth.
DELIVERY_MOVES: Mapping[DeliveryState, frozenset[DeliveryState]] = MappingProxyType(
    {
        _D.PENDING: frozenset({_D.DELIVERED, _D.RETRYING, _D.PARKED, _D.DISCARDED}),
        _D.RETRYING: frozenset({_D.PENDING, _D.DELIVERED, _D.RETRYING, _D.PARKED, _D.DISCARDED}),
        _D.DELIVERED: frozenset({_D.PENDING}),
        _D.PARKED: frozenset({_D.PENDING, _D.DELIVERED, _D.DISCARDED}),
        _D.DISCARDED: frozenset({_D.PENDING, _D.DELIVERED}),
    }
)
