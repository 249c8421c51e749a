"""What must be agreed about a feed before its messages can be read: a pure value, no settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo


@dataclass(frozen=True, slots=True)
class Channel:
    """A configured way in.

    Attributes:
        name: its name in the settings.
        time_zone: zone of times that carry no offset; None means such times are cut to their date.
        character_set: table 0211 code to use when MSH-18 is empty; None means UTF-8 with ASCII in it.
        character_set_override: table 0211 code used whatever MSH-18 says, for senders whose MSH-18 lies.
        assigners: HD.1 local name space -> URI, e.g. {"LAB": "urn:oid:1.2.3"}.
        code_systems: local coding system name (CWE.3) -> URI, e.g. {"L": "http://lab.example/codes"}.
        patient_assigners: URIs or HD.1 names, best first, that decide which PID-3 identifies the patient.
        order_assigner: scope of order numbers that carry no assigner of their own; else MSH-4, MSH-3.
        unit_aliases: reported unit -> UCUM, before the shipped alias table.
        text_numbers: read ST values that are numbers (or `<5`) with a unit as quantities.
        snapshots: every report tells of all results that its order has; else of those that changed.
    """

    name: str
    time_zone: tzinfo | None = None
    character_set: str | None = None
    character_set_override: str | None = None
    assigners: Mapping[str, str] = field(default_factory=dict)
    code_systems: Mapping[str, str] = field(default_factory=dict)
    patient_assigners: tuple[str, ...] = field(default=())
    order_assigner: str | None = None
    unit_aliases: Mapping[str, str] = field(default_factory=dict)
    text_numbers: bool = False
    snapshots: bool = False
