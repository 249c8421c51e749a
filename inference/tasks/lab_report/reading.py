"""Reading by rule: pages to results, without any model. What cannot be read is said to be unread. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from inference.media.pages import Page
from inference.tasks.lab_report import printed, ruled, specimens, unruled
from inference.tasks.lab_report.analytes import normalised
from inference.tasks.lab_report.cells import Grammar
from inference.tasks.lab_report.raw import Event, Heading, Row, Unread
from inference.tasks.lab_report.settling import Context, Terms, marks_of, settle
from inference.tasks.lab_report.strips import lines
from inference.tasks.lab_report.vocabulary import COMMA_LANGUAGES
from mappers.domain.extraction import Extracted, Method, Printed, PrintedKind, Span

_COMMON: Final = frozenset({None, specimens.BLOOD, specimens.SERUM, specimens.CITRATE, specimens.VENOUS})
_HEADING_OFFSET: Final = 80.0
_HEADING_REACH: Final = 200.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What the rules found."""

    rows: tuple[Extracted, ...]
    printed: tuple[Printed, ...]
    unread: tuple[Span, ...]


def read(pages: Sequence[Page], *, sha256: str, terms: Terms) -> Reading:
    """All results of the pages.

    Args:
        pages: with their words.
        sha256: of the document, for the spans.
        terms: units and codes of the channel.
    """
    grammar = Grammar(terms.ucum)
    facts = tuple(fact for page in pages for fact in printed.facts(page, sha256))
    events = _events(pages, grammar)
    rows = _with_panels(events, facts)
    context = Context(
        sha256, terms, marks_of(rows, comma_language=_comma_language(pages)), facts, _uncommon(events, facts)
    )
    settled = _once([settle(row, context) for row in rows])
    return Reading(tuple(settled), facts, tuple(_unread(events, sha256)))


def _events(pages: Sequence[Page], grammar: Grammar) -> list[Event]:
    found: list[Event] = []
    last_grid: ruled.Read | None = None
    last_region: unruled.Region | None = None
    for page in pages:
        boxes = []
        for grid in page.grids:
            got = ruled.read(grid, page, grammar=grammar, method=_method(page), before=last_grid)
            if got is not None:
                found += got.events
                boxes.append(got.box)
                last_grid = got
        words = [word for word in page.words if not _within(word.box, boxes)]
        events, last_region = unruled.read(
            page, words, grammar=grammar, method=_method(page), before=last_region
        )
        found += events
    return found


def _method(page: Page) -> Method:
    return Method.OCR if page.by_ocr else Method.TABLE


def _within(
    box: tuple[float, float, float, float], boxes: Sequence[tuple[float, float, float, float]]
) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return any(x0 <= x <= x1 and top <= y <= bottom for x0, top, x1, bottom in boxes)


def _with_panels(events: Sequence[Event], facts: Sequence[Printed]) -> list[Row]:
    """The rows by page; one without a panel of its own stands under the heading above it."""
    headings = [event for event in events if isinstance(event, Heading)]
    rows = [event for event in events if isinstance(event, Row)]
    named = [row if row.panel else replace(row, panel=_heading_above(row, headings, facts)) for row in rows]
    return sorted(named, key=lambda row: row.page)


def _heading_above(row: Row, headings: Sequence[Heading], facts: Sequence[Printed]) -> str | None:
    """The closest heading; not the letterhead, which stands above what the page says of the patient."""
    x0, top, _, _ = row.name.box
    tops = [fact.span.bbox[1] for fact in facts if fact.span.page == row.page]
    below = max((place for place in tops if place < top), default=0.0)
    above = [
        heading
        for heading in headings
        if heading.page == row.page
        and below <= heading.text.box[1]
        and heading.text.box[3] <= top + 1
        and x0 - _HEADING_OFFSET <= heading.text.box[0] <= x0 + _HEADING_REACH
    ]
    return max(above, key=lambda heading: heading.text.box[3]).text.text if above else None


def _uncommon(events: Sequence[Event], facts: Sequence[Printed]) -> bool:
    texts = [event.text.text for event in events if isinstance(event, Heading)]
    texts += [fact.text for fact in facts if fact.kind is PrintedKind.SPECIMEN]
    texts += [event.specimen.text for event in events if isinstance(event, Row)]
    return any(specimens.kind(text) not in _COMMON for text in texts)


def _comma_language(pages: Sequence[Page]) -> bool:
    words = {normalised(word.text) for page in pages for word in page.words}
    return bool(words & COMMA_LANGUAGES)


def _once(rows: Sequence[Extracted]) -> list[Extracted]:
    """A result that is printed again on another page is one result with two places."""
    found: dict[tuple[object, ...], int] = {}
    kept: list[Extracted] = []
    for row in rows:
        same = (normalised(row.name), row.printed, row.unit, row.effective_printed, str(row.specimen))
        at = found.get(same)
        if at is not None and row.spans[0].page not in {span.page for span in kept[at].spans}:
            kept[at] = replace(kept[at], spans=kept[at].spans + row.spans)
            continue
        found[same] = len(kept)
        kept.append(row)
    return kept


def _unread(events: Sequence[Event], sha256: str) -> list[Span]:
    return [
        Span(sha256, event.page, event.text.box, event.text.text)
        for event in events
        if isinstance(event, Unread)
    ]


def text_of(page: Page) -> str:
    """A page as text, line by line, wide gaps kept wide."""
    return "\n".join("  ".join(word.text for word in line) for line in lines(page.words))
