"""Identifiers with their assigners, and the identity of a result across its versions."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from mappers.domain.coding import Concept
from mappers.domain.times import Period

#: Name space of every id that Wardwire derives; changing it orphans all that was ever written.
NAMESPACE = uuid.UUID("6f1d7b1e-6a0e-5c0b-9d5f-0c7b1d1f5a10")

#: Parts that say what kind of number the next part is; SO (0x0E) stands in no value of an ER7 message.
PLACER = "\x0eplacer"
FILLER = "\x0efiller"
DOCUMENT = "\x0edocument"
#: The next part is the id that a FHIR server gave, within the base that stands before.
FHIR = "\x0efhir"


@dataclass(frozen=True, slots=True)
class Identifier:
    """A business identifier.

    Attributes:
        value: the identifier itself.
        system: URI of its name space; None when the assigner is known only by a local name.
        assigner: the assigner's local name (HD.1), shown when there is no URI.
        type: table 0203 concept, e.g. MR.
        period: when it is valid.
    """

    value: str
    system: str | None = None
    assigner: str | None = None
    type: Concept | None = None
    period: Period | None = None

    def __post_init__(self) -> None:
        if not self.value:
            raise ValueError("an identifier needs a value")

    @property
    def scope(self) -> str:
        """The name space that makes the value unique: URI, else the local assigner, else nothing."""
        return self.system or self.assigner or ""


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes two messages speak of the same thing: never MSH-10, never a position.

    Attributes:
        kind: the FHIR resource type that it names.
        parts: e.g. assigner, filler order number, OBX-3, OBX-4, OBX-21, in this order.
    """

    kind: str
    parts: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not any(self.parts):
            raise ValueError("an identity needs at least one part")

    @property
    def id(self) -> str:
        """The resource id: UUIDv5 of the kind and the parts, the same for ever."""
        # US (0x1F) cannot occur in an ER7 field, so no two identities share a name.
        return str(uuid.uuid5(NAMESPACE, "\x1f".join((self.kind, *self.parts))))

    @property
    def reference(self) -> str:
        """The relative FHIR reference."""
        return f"{self.kind}/{self.id}"


@dataclass(frozen=True, slots=True)
class Known(Identity):
    """A thing that is stored already: its id is known (the only part), what it was made of is not."""

    @property
    def id(self) -> str:
        """The resource id."""
        return self.parts[0]
