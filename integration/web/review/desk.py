"""What the pages of sign-off need, as one value that wiring builds."""

from __future__ import annotations

from dataclasses import dataclass

from integration.flows.review import Reviews
from integration.flows.review_ports import PagePainter
from integration.web.review.guard import Guard


@dataclass(frozen=True, slots=True)
class ReviewDesk:
    """The story, what draws pages, and what guards the forms."""

    reviews: Reviews
    painter: PagePainter
    guard: Guard
