"""From the settings of destinations to what is written for them, who carries it, and how long to wait."""

from __future__ import annotations

import ssl
from datetime import timedelta

from integration.clients.couriers import FolderCourier, MllpCourier
from integration.clients.mllp import Receiver
from integration.errors import SettingsInvalid
from integration.flows.addressing import Addressing, Destination, Form, Route
from integration.flows.deliver import Patience
from integration.flows.ports import Courier
from integration.flows.sending import Sending
from integration.flows.shelf import Shelf
from integration.settings import ClientTlsSettings, DestinationSettings, Settings
from integration.store.durable_files import publish
from integration.wiring.stores import Store
from mappers.hl7v2 import charsets
from mappers.hl7v2.delimiters import Delimiters, read_delimiters, usable
from mappers.hl7v2.outbound.recipient import Recipient


def build_addressing(settings: Settings) -> Addressing:
    """Which results go where.

    Raises:
        SettingsInvalid: a character set or delimiters that cannot be written.
    """
    return Addressing(
        destinations={name: _destination(name, one) for name, one in settings.destinations.items()},
        routes=tuple(
            Route(each.destinations, each.channel, each.message_type)
            for each in settings.routes
            if not each.about_evidence
        ),
        channels={name: channel.destinations for name, channel in settings.channels.items()},
    )


def build_sending(settings: Settings, store: Store) -> Sending:
    """What leaves, and where to.

    Raises:
        SettingsInvalid: a character set or delimiters that cannot be written.
    """
    return Sending(store.outbox, build_addressing(settings), Shelf(store.database, store.results))


def _destination(name: str, settings: DestinationSettings) -> Destination:
    return Destination(
        name=name,
        form=Form.FHIR if settings.kind == "fhir" else Form(settings.message),
        recipient=recipient_of(name, settings),
        drafts=settings.drafts == "send",
    )


def recipient_of(name: str, settings: DestinationSettings) -> Recipient:
    """What was agreed with a destination.

    Raises:
        SettingsInvalid: its character set or delimiters cannot be written.
    """
    if charsets.named(settings.character_set) is None:
        raise SettingsInvalid(f"destinations.{name}.character_set is no character set that can be written")
    return Recipient(
        version=settings.version,
        character_set=settings.character_set,
        delimiters=_delimiters(name, settings.delimiters),
        sending_application=settings.sending_application,
        sending_facility=settings.sending_facility,
        receiving_application=settings.receiving_application,
        receiving_facility=settings.receiving_facility,
        escape_unencodable=settings.unencodable == "escape",
    )


def _delimiters(name: str, text: str) -> Delimiters:
    if not all(map(usable, text)) or len(set(text)) != len(text):
        raise SettingsInvalid(f"destinations.{name}.delimiters must be five or six different signs")
    delimiters, _ = read_delimiters(text[0], text[1:])
    return delimiters


def build_couriers(settings: Settings) -> dict[str, Courier]:
    """Who carries what, by destination but FHIR servers; nothing is connected yet.

    Raises:
        SettingsInvalid: TLS files that cannot be used.
    """
    return {name: _courier(name, one) for name, one in settings.destinations.items() if one.kind != "fhir"}


def _courier(name: str, settings: DestinationSettings) -> Courier:
    if settings.kind == "folder":
        assert settings.path is not None  # the settings demand it
        return FolderCourier(settings.path, publish)
    receiver = Receiver(
        host=settings.host,
        port=settings.port,
        tls=client_tls(settings.tls, name=f"destinations.{name}"),
        server_hostname=settings.tls.server_name,
        connect_seconds=settings.connect_seconds,
        answer_seconds=settings.answer_seconds,
    )
    return MllpCourier(receiver, connections=settings.connections)


def client_tls(settings: ClientTlsSettings, *, name: str) -> ssl.SSLContext | None:
    """TLS towards a destination, whose name and certificate are verified; None when it has none.

    Raises:
        SettingsInvalid: the files cannot be read or do not fit each other.
    """
    if not settings.enabled:
        return None
    try:
        context = ssl.create_default_context(cafile=str(settings.ca) if settings.ca else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # ATNA, BCP 195
        if settings.certificate is not None:
            context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ssl.SSLError):
        raise SettingsInvalid(f"{name}.tls: the certificate, key or ca file cannot be used") from None
    return context


def build_patience(settings: Settings) -> dict[str, Patience]:
    """How long each destination is waited for."""
    return {
        name: Patience(rejections=one.max_rejections, give_up=timedelta(hours=one.give_up_hours))
        for name, one in settings.destinations.items()
    }
