"""From the settings of a channel to what the door and the mappers are told about it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from integration.flows.intake import Terms
from integration.settings import ChannelSettings, Settings
from integration.store.records import SameId
from mappers.domain.channels import Channel
from mappers.domain.people import Organization


def channel_of(name: str, settings: ChannelSettings) -> Channel:
    """The channel as the mappers know it."""
    return Channel(
        name=name,
        time_zone=ZoneInfo(settings.time_zone) if settings.time_zone else None,
        character_set=settings.character_set,
        character_set_override=settings.character_set_override,
        assigners=settings.assigners,
        code_systems=settings.code_systems,
        patient_assigners=settings.patient_assigners,
        order_assigner=settings.order_assigner,
        unit_aliases=settings.unit_aliases,
        text_numbers=settings.text_numbers,
        snapshots=settings.result_mode == "snapshot",
    )


def build_terms(settings: Settings) -> dict[str, Terms]:
    """What each channel accepts at the door."""
    return {
        name: Terms(
            channel=channel_of(name, channel),
            processing_ids=frozenset(channel.processing_ids),
            same_id=SameId(channel.same_id_other_content),
            original_mode=channel.acknowledgement_mode == "original",
            application_acks=channel.application_acks,
            sequence_numbers=channel.sequence_numbers,
            demonstration=settings.demo,
        )
        for name, channel in settings.channels.items()
    }


def responsible(settings: Settings) -> Organization | None:
    """On whose behalf Wardwire acts; None means the sender's facility."""
    name = settings.audit.organization
    return Organization(name=name) if name else None
