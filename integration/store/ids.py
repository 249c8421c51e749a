"""Message ids and moments as text that sorts by time. Knows nothing of tables."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

#: Bytes of randomness in one message id.
ENTROPY = 8


def utc_text(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds and Z, always 27 characters, so that text order is time order.

    Raises:
        ValueError: the moment has no zone.
    """
    if moment.tzinfo is not UTC:
        if moment.tzinfo is None:
            raise ValueError("a moment needs a zone")
        moment = moment.astimezone(UTC)
    return f"{_second_text(int(moment.timestamp()))}.{moment.microsecond:06d}Z"


@lru_cache(maxsize=8)
def _second_text(second: int) -> str:
    # Under load thousands of messages come within one second.
    return datetime.fromtimestamp(second, UTC).isoformat()[:19]


def message_id(moment: datetime, entropy: bytes) -> str:
    """A UUIDv7 (RFC 9562 §5.7): milliseconds, then their fraction in rand_a (method 3), then randomness.

    Args:
        moment: aware.
        entropy: ENTROPY random bytes, of which four bits give way to the variant.
    """
    milliseconds, microseconds = divmod(round(moment.timestamp() * 1_000_000), 1000)
    head = f"{milliseconds:012x}7{microseconds * 4096 // 1000:03x}"
    tail = entropy.hex()
    return f"{head[:8]}-{head[8:12]}-{head[12:]}-8{tail[1:4]}-{tail[4:]}"


def first_id_at(moment: datetime) -> str:
    """The smallest text that any id of this millisecond or later can have."""
    milliseconds = int(moment.timestamp() * 1000)
    return f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}"
