"""Our Subscription at a FHIR server, in each of the three forms, and what the server says of it.

| style | Subscription | asks for |
|---|---|---|
| r4 | R4 core rest-hook | `criteria`: a search, one Subscription for each resource type |
| backport | R4 with the topic-based backport profile | a topic, with id-only payload and a heartbeat |
| r5 | R5 | a topic, one filter for each resource type, id-only payload and a heartbeat |

Ours is known by a tag that names channel and subject, else by our endpoint with the same criteria. Never says
more than ids where it can choose: the resource is read again anyway.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from mappers.fhir import datatypes_reader as types
from mappers.fhir.datatypes import pruned

Node = dict[str, Any]

#: Our own (docs/fhir-extensions.md): which of our Subscriptions this is.
OURS: Final = "https://wardwire.org/fhir/CodeSystem/subscription"
_BACKPORT: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
_CHANNEL_TYPES: Final = "http://terminology.hl7.org/CodeSystem/subscription-channel-type"
_MEDPLUM_SECRET: Final = "https://www.medplum.com/fhir/StructureDefinition/subscription-secret"  # noqa: S105
_JSON: Final = "application/fhir+json"
_REASON: Final = "Wardwire reads what changed"


class Style(StrEnum):
    """The form of a Subscription."""

    R4 = "r4"
    BACKPORT = "backport"
    R5 = "r5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One Subscription that is to be there.

    Attributes:
        channel: whose it is.
        subject: what tells it from the channel's others: a resource type, or the topic's last part.
        style: its form.
        criteria: R4: the search; else the topic's canonical.
        kinds: R5: resource types to filter for.
        endpoint: of our hook.
        headers: whole header lines that the server is to send, e.g. `Authorization: Bearer …`.
        secret: by which it is to sign, where it signs (Medplum).
        heartbeat_s: seconds between signs of life, where the style has them.
        end: instant at which it ends by itself; None: never.
    """

    channel: str
    subject: str
    style: Style
    criteria: str
    kinds: tuple[str, ...] = ()
    endpoint: str
    headers: tuple[str, ...] = field(default=(), repr=False)
    secret: str | None = field(default=None, repr=False)
    heartbeat_s: int | None = None
    end: str | None = None

    @property
    def code(self) -> str:
        """Of the tag."""
        return f"{self.channel}.{self.subject}"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a server says of a Subscription.

    Attributes:
        status: requested, active, error, off; "" where it says none.
        end: instant; "" for never.
        heartbeat_s: of the Subscription, where it has one.
    """

    status: str
    end: str = ""
    heartbeat_s: int | None = None


def write(wish: Wish) -> Node:
    """The Subscription, requested."""
    head: Node = {
        "resourceType": "Subscription",
        "meta": {"tag": [{"system": OURS, "code": wish.code}]},
    }
    signed = [{"url": _MEDPLUM_SECRET, "valueString": wish.secret}] if wish.secret else []
    if wish.style is Style.R5:
        return head | pruned({"extension": signed, **_r5(wish)})
    if wish.style is Style.BACKPORT:
        head["meta"] = {"profile": [f"{_BACKPORT}/backport-subscription"], **head["meta"]}
    channel: Node = {
        "type": "rest-hook",
        "endpoint": wish.endpoint,
        "payload": _JSON,
        "header": list(wish.headers),
    }
    if wish.style is Style.BACKPORT:
        channel |= _backport(wish)
    return head | pruned(
        {
            "extension": signed,
            "status": "requested",
            "reason": _REASON,
            "criteria": wish.criteria,
            "end": wish.end,
            "channel": pruned(channel),
        }
    )


def _backport(wish: Wish) -> Node:
    told = [{"url": f"{_BACKPORT}/backport-timeout", "valueUnsignedInt": 30}]
    if wish.heartbeat_s:
        told.append({"url": f"{_BACKPORT}/backport-heartbeat-period", "valueUnsignedInt": wish.heartbeat_s})
    content = {"url": f"{_BACKPORT}/backport-payload-content", "valueCode": "id-only"}
    return {"extension": told, "_payload": {"extension": [content]}}


def _r5(wish: Wish) -> Node:
    parameters = [line.partition(":") for line in wish.headers]
    return {
        "status": "requested",
        "topic": wish.criteria,
        "reason": _REASON,
        "end": wish.end,
        "filterBy": [
            {"resourceType": kind, "filterParameter": "_type", "value": kind} for kind in wish.kinds
        ],
        "channelType": {"system": _CHANNEL_TYPES, "code": "rest-hook"},
        "endpoint": wish.endpoint,
        "parameter": [{"name": name.strip(), "value": value.strip()} for name, _, value in parameters],
        "heartbeatPeriod": wish.heartbeat_s,
        "contentType": _JSON,
        "content": "id-only",
    }


def is_ours(resource: Node, wish: Wish) -> bool:
    """Whether a Subscription at the server is the one that is wished for."""
    tags = types.nodes(types.node(resource.get("meta")).get("tag"))
    if any(each.get("system") == OURS and each.get("code") == wish.code for each in tags):
        return True
    if wish.style is Style.R5:
        return resource.get("endpoint") == wish.endpoint and resource.get("topic") == wish.criteria
    same_place = types.node(resource.get("channel")).get("endpoint") == wish.endpoint
    return same_place and resource.get("criteria") == wish.criteria


def read(resource: Node) -> Standing:
    """What a Subscription says of itself, in any of the forms."""
    period = resource.get("heartbeatPeriod")
    for each in types.nodes(types.node(resource.get("channel")).get("extension")):
        if each.get("url") == f"{_BACKPORT}/backport-heartbeat-period":
            period = each.get("valueUnsignedInt")
    seconds = period if isinstance(period, int) and period > 0 else None
    return Standing(types.text(resource.get("status")) or "", types.text(resource.get("end")) or "", seconds)


def asked_anew(resource: Node, wish: Wish) -> Node:
    """The Subscription as the server has it, requested again, with what we wish for now."""
    kept = {name: value for name, value in resource.items() if name not in {"error", "meta"}}
    return {**kept, **write(wish), "id": resource["id"]}
