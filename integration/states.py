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
    """Where one bundle for one destination is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    RETRYING = "retrying"
    PARKED = "parked"


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
