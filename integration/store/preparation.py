"""All about an arrival that can be computed before its transaction: id, digests, sealed bytes, blob.

Where it runs is the inbox's business.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from integration.store.blobs import Blobs
from integration.store.ids import ENTROPY, message_id, utc_text
from integration.store.keys import Keys
from integration.store.records import Arrival
from integration.store.sealing import Sealer

#: Of a blob's name; the same bytes as another kind are another blob.
BLOB = "message"
#: Between the parts of a door key: US cannot occur in printable text.
SEPARATOR = "\x1f"
#: Characters of a field that are kept: MSH-10 has at most 199, the others less (HL7 v2.9 ch. 2).
_LONGEST = 199

#: The columns of `Prepared.columns`.
COLUMNS = (
    "id", "door_key", "resend_digest", "digest", "channel", "peer", "sender", "control_id", "trigger",
    "version", "processing_id", "received_at", "size", "order_key", "blob",
)  # fmt: skip


class Prepared(NamedTuple):
    """An arrival, ready for its transaction.

    Attributes:
        columns: of its row, as named in COLUMNS; the last one is the blob.
        sealed: its bytes, when they belong into the database.
    """

    arrival: Arrival
    id: str
    door_key: str
    resend_digest: str
    digest: str
    at: str
    columns: tuple[str | int | None, ...]
    sealed: bytes | None

    @property
    def blob(self) -> str | None:
        """Name of the blob that holds its bytes."""
        return self.columns[-1]  # type: ignore[return-value]


class Preparation:
    """Prepares arrivals of one inbox.

    Args:
        inline_bytes: payloads of more than this become blobs.
        is_resend: whether an accepted message with this door key and resend digest is stored: asked for
            large ones only, whose blob would otherwise be written at every resend.
        randomness: gives that many random bytes.
    """

    def __init__(
        self,
        keys: Keys,
        blobs: Blobs,
        *,
        inline_bytes: int,
        is_resend: Callable[[str, str], bool],
        randomness: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._digest_prefix = f"{keys.digest.current.id}:"
        self._hmac = hmac.new(keys.digest.current.secret, digestmod="sha256")
        self._mark_of = keys.mark_of
        self._seal = Sealer(keys.seal).seal
        self._blobs = blobs
        self._inline_bytes = inline_bytes
        self._is_resend = is_resend
        self._randomness = randomness
        # The messages of one patient come in bursts.
        self._order_key = lru_cache(maxsize=4096)(self._mark_of_text)

    def prepare(self, arrival: Arrival) -> Prepared:
        """Compute what can be computed; a large payload is on disk as a blob when this returns.

        Raises:
            StoreUnavailable: the blob folder does not take it.
        """
        raw = arrival.raw
        resend_digest, digest = self._digests(raw, *(arrival.unstable or (0, 0)))
        channel, peer, sender, control_id, *rest = self._fields(arrival)
        door_key = f"{control_id}{SEPARATOR}{channel}{SEPARATOR}{sender}"
        if not control_id:
            door_key += SEPARATOR + resend_digest
        own_id = message_id(arrival.received_at, self._randomness(ENTROPY))
        sealed = blob = None
        if len(raw) <= self._inline_bytes:
            sealed = self._seal(raw, bound_to=own_id)
        elif not self._is_resend(door_key, resend_digest):
            blob = self._blobs.put(raw, kind=BLOB)
        at = utc_text(arrival.received_at)
        columns = (
            own_id, door_key, resend_digest, digest, channel, peer, sender, control_id, *rest,
            at, len(raw), self._order_key(arrival.order_key), blob,
        )  # fmt: skip
        return Prepared(arrival, own_id, door_key, resend_digest, digest, at, columns, sealed)

    def keep(self, arrival: Arrival) -> str:
        """The blob of a payload that looked like a resend and is none."""
        return self._blobs.put(arrival.raw, kind=BLOB)

    def _digests(self, raw: bytes, start: int, end: int) -> tuple[str, str]:
        """What recognises a resend, and what vouches for every byte, in one pass over the bytes.

        HMAC-SHA-256 over what a resend may not change; then that goes on over "|start|end|" and the bytes
        between, which are left out before.
        """
        view = memoryview(raw)
        running = self._hmac.copy()
        running.update(view[:start])
        running.update(view[end:])
        mark = running.digest()[:16].hex()
        running.update(b"|%d|%d|" % (start, end))
        running.update(view[start:end])
        return mark, self._digest_prefix + running.hexdigest()

    def _fields(self, arrival: Arrival) -> tuple[str, ...]:
        """The sender's words, in a form that every database takes and every index bears."""
        fields = (
            arrival.channel, arrival.peer, arrival.sender, arrival.control_id,
            arrival.trigger, arrival.version, arrival.processing_id,
        )  # fmt: skip
        together = "".join(fields)
        if len(together) <= _LONGEST and together.isprintable():
            return fields
        return tuple(map(self._field, fields))

    def _field(self, text: str) -> str:
        if len(text) <= _LONGEST and text.isprintable():
            return text
        # Two that differ only where they are cut must not become one.
        shown = "".join(character if character.isprintable() else "\ufffd" for character in text[:100])
        return f"{shown}#{self._mark_of_text(text)}"

    def _mark_of_text(self, text: str) -> str:
        return self._mark_of(text.encode("utf-8", "surrogatepass")) if text else ""
