"""Which stored bytes are a recording, and who still waits for it: what the store asks before it erases one.

| a recording waits for | as long as |
|---|---|
| its messages | one of them is at work, parked or failed |
| a reading | one of its messages is not read to its end |
| a person | a Task about it or about what was drafted of it is open, or a draft is preliminary |
| a destination | a delivery of its messages, or one that names it or its drafts, has not ended |

An erasure cannot be undone, so label and bytes have to agree; what is not understood is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from inference.media import audio_kinds
from inference.media.audio_kinds import Decoder
from integration.errors import NotFound
from integration.flows.review_case import OPEN
from integration.flows.writeback import manifest
from integration.states import MessageState
from integration.store import deliveries, extractions, messages
from integration.store.database import Transaction
from integration.store.outbox import Outbox
from integration.store.results import Results
from integration.store.search_query import Criterion, ReferenceMatch, Search, TokenMatch
from mappers.domain import media_types
from mappers.fhir import r4, signing

Node = dict[str, Any]
Key = tuple[str, str]

_ENDED: Final = frozenset({MessageState.PROCESSED, MessageState.DISCARDED, MessageState.REFUSED})
_EBML: Final = b"\x1a\x45\xdf\xa3"
#: CodecID (RFC 9559 §5.1.4.1.21) of the tracks, which stand before the first Cluster.
_CODEC: Final = re.compile(rb"\x86[\x82-\x9f]([ABSV])_")
_CLUSTER: Final = b"\x1f\x43\xb6\x75"
_TRACKS_WITHIN: Final = 65_536
#: Labels that say nothing.
_UNSAID: Final = frozenset({"", media_types.UNKNOWN})


def is_sound(content: bytes, said: str) -> bool:
    """Whether these bytes are a recording of sound, first match wins.

    | the bytes | said to be | sound |
    |---|---|---|
    | webm or matroska | anything | when their tracks are sound and none is video |
    | any other | neither audio/* nor application/octet-stream | no |
    | of a kind that holds nothing but sound, "RIFF … WAVE" | application/octet-stream | yes |
    | plainly something else: a picture, PDF, text, DICOM | audio/* | no |
    | any other | audio/* | yes |
    """
    label = said.partition(";")[0].strip().lower()
    if content.startswith(_EBML):
        head = content[:_TRACKS_WITHIN].partition(_CLUSTER)[0]
        tracks = set(_CODEC.findall(head))
        return b"A" in tracks and b"V" not in tracks
    if label in _UNSAID:
        return _begins_as_sound(content[: audio_kinds.HEAD])
    if not label.startswith("audio/"):
        return False
    found = media_types.sniff(content)
    # An ISO container is a film or not by its tracks: its label decides.
    return found is None or found.startswith(("audio/", "video/mp4"))


def _begins_as_sound(head: bytes) -> bool:
    """A signature and, as in all headers of these kinds, a zero: a text may begin with "caff" too."""
    kind = audio_kinds.kind(head)
    # Frames of mp3 begin with eleven bits, as texts in UTF-16 do; an Ogg file may be a film.
    weak = head[:1] == b"\xff" or head[:4] == b"OggS"
    return kind is not None and kind.decoder is Decoder.LIBSNDFILE and not weak and b"\0" in head


@dataclass(frozen=True, slots=True)
class Claims:
    """Who still waits for a recording (`integration.store.recordings.Claims`)."""

    results: Results
    outbox: Outbox

    def is_sound(self, content: bytes, said: str) -> bool:
        """Whether these bytes are a recording."""
        return is_sound(content, said)

    def holds(self, connection: Transaction, keys: Sequence[Key], message_ids: Sequence[str]) -> bool:
        """Whether anybody waits for a recording.

        Args:
            connection: to read in; in that of the erasure, nothing can begin to wait meanwhile.
            keys: (type, id) of what holds or names it.
            message_ids: of the messages that it came with.

        Raises:
            BlobCorrupt: a draft, Task or delivery cannot be opened, so that nobody can tell.
        """
        if any(_is_at_work(connection, each) for each in message_ids):
            return True
        if deliveries.are_open(connection, message_ids):
            return True
        drafts = {draft for _, key in keys for draft in extractions.drafts_of(connection, key)}
        references = [f"{kind}/{key}" for kind, key in {*keys, *drafts}]
        return (
            any(self._is_draft(connection, each) for each in drafts)
            or self._is_asked(connection, references)
            or self._leaves(connection, references)
        )

    def _is_draft(self, connection: Transaction, key: Key) -> bool:
        try:
            stored = self.results.read(connection, *key)
        except NotFound:
            return False
        if stored.deleted:
            return False
        resource = r4.decode(stored.content)
        if resource["resourceType"] == "Task":
            return resource.get("status") in OPEN
        return not (signing.is_final(resource) or signing.is_gone(resource))

    def _is_asked(self, connection: Transaction, references: Sequence[str]) -> bool:
        """Whether a Task about any of these waits for a person."""
        about = Criterion("focus", (ReferenceMatch(tuple(references)),))
        waiting = Criterion("status", tuple(TokenMatch(None, status) for status in sorted(OPEN)))
        search = Search("Task", (about, waiting), count=1, total=False)
        return bool(self.results.search(connection, search).matches)

    def _leaves(self, connection: Transaction, references: Iterable[str]) -> bool:
        """Whether what is still to be delivered names any of these; what it refers to goes with it."""
        wanted = set(references)
        return any(
            not wanted.isdisjoint(reference for reference, _ in manifest.decode(content).versions)
            for content in self.outbox.open_contents(connection, manifest.FORM)
        )


def _is_at_work(connection: Transaction, message_id: str) -> bool:
    """Whether a message, or the reading of it, has not ended."""
    reading = extractions.find(connection, message_id)
    if reading is not None and reading.state is not MessageState.PROCESSED:
        return True
    try:
        return messages.find(connection, message_id).state not in _ENDED
    except NotFound:
        return False
