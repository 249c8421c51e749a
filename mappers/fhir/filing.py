"""Where a draft is filed: the chart, the document that it was read off, the orders of that document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mappers.domain.identifiers import Identity
from mappers.fhir.chart import Chart
from mappers.fhir.datatypes import pruned

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filing:
    """What all resources of one draft share.

    Attributes:
        document: reference of the DocumentReference.
        orders: references of the ServiceRequests that the document belongs to.
    """

    chart: Chart
    document: str
    orders: tuple[str, ...] = ()

    def head(self, identity: Identity) -> Node:
        """resourceType, id and, where there is any, meta."""
        head = self.chart.head(identity)
        return head if head["meta"] else {name: value for name, value in head.items() if name != "meta"}

    @property
    def based_on(self) -> list[Node]:
        """The element `basedOn`."""
        return [{"reference": order} for order in self.orders]

    @property
    def whose(self) -> Node:
        """The elements `subject` and `encounter`."""
        return pruned({"subject": self.chart.subject, "encounter": self.chart.encounter})
