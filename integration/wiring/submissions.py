"""The door of direct submissions, as the web takes them and the worker replays them."""

from __future__ import annotations

from integration.clients.documents import DocumentClient
from integration.flows.submission import Submissions
from integration.settings import Settings
from integration.wiring import stores
from integration.wiring.stores import Store
from integration.wiring.terms import channel_of, responsible


def build_submissions(settings: Settings, store: Store) -> Submissions:
    """The door."""
    name = settings.web.submission_channel
    fetcher = DocumentClient({name: settings.channels[name].document_hosts})
    return Submissions(
        database=store.database,
        inbox=store.inbox,
        results=store.results,
        channel=channel_of(name, settings.channels[name]),
        base=f"{settings.public_base}/fhir",
        software=stores.software(),
        may_fetch=lambda url: fetcher.allows(url, channel=name),
        clock=stores.now,
        responsible=responsible(settings),
    )
