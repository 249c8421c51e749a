"""What erases what is kept no longer, as the worker runs it."""

from __future__ import annotations

from datetime import timedelta

from integration.flows.recordings import Claims
from integration.settings import Settings
from integration.store.recordings import Recordings
from integration.store.retention import Retention, Terms
from integration.wiring.stores import Store, now


def build_retention(settings: Settings, store: Store) -> Retention:
    """What erases bytes that are kept no longer."""
    kept = settings.retention
    terms = Terms(
        *(
            None if days is None else timedelta(days=days)
            for days in (kept.messages_days, kept.deliveries_days, kept.recordings_days)
        )
    )
    recordings = Recordings(
        database=store.database,
        results=store.results,
        keys=store.keys,
        claims=Claims(store.results, store.outbox),
        clock=now,
    )
    return Retention(store.database, store.blobs, terms, now, recordings=recordings)
