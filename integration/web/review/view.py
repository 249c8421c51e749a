"""A case as the page shows it: plain values, ready to be escaped. Knows neither routes nor the store."""

from __future__ import annotations

import base64
import binascii
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from integration.flows.review_case import Case, Held, Kind, is_model, sections
from integration.web.review import words
from mappers.domain.media_types import sniff
from mappers.domain.sheet import Picture, Row
from mappers.fhir import amending, labels, presented, report_sheet, signing, spoken
from mappers.fhir.place_reader import Spot

Node = dict[str, Any]
Pieces = list[tuple[str, str]]

_MOST_PAGES = 12
#: What a browser may be handed as it is.
_PLAYED = frozenset({"audio/wav", "audio/flac", "audio/ogg", "audio/mpeg", "audio/mp4"})
_DRAWN = frozenset(
    {"application/pdf", "image/png", "image/jpeg", "image/tiff", "image/bmp", "image/gif", "image/webp"}
)
_WITHDRAWN = "entered-in-error"
_PNG, _PNG_HEAD = b"\x89PNG\r\n\x1a\n", 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A result of the draft.

    Attributes:
        name, value: in pieces, negations and sides marked.
        editable, unit: what the form of an amendment starts with.
        spots: where it stands.
    """

    reference: str
    row: Row
    name: Pieces
    value: Pieces
    detail: Pieces
    editable: str
    unit: str
    is_negative: bool
    is_gone: bool
    spots: tuple[Spot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence of a section, and where it comes from."""

    pieces: Pieces
    spots: tuple[Spot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the draft was made from.

    Attributes:
        number: of it among its like, from 0: part of its addresses.
        kind: "pages", "audio", "text" or "elsewhere".
        pages: numbers of pages or frames to be drawn.
        text: in pieces, what is quoted by the draft marked.
        note: what people are told about it.
    """

    number: int
    kind: str
    title: str
    pages: tuple[int, ...] = ()
    text: Pieces = field(default_factory=list)
    note: str = ""
    is_withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A line of the list."""

    key: str
    kind: str
    title: str
    patient: str
    since: str
    reason: str
    changed: bool
    by_model: bool
    is_test: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A case."""

    key: str
    kind: Kind
    title: str
    status: str
    is_open: bool
    is_signed: bool
    by_model: bool
    is_test: bool
    seen: str
    patient: Mapping[str, str]
    asked: Mapping[str, tuple[str, ...]]
    changes: tuple[str, ...]
    results: tuple[Result, ...]
    sections: tuple[tuple[str, tuple[Sentence, ...]], ...]
    conclusion: Pieces
    words: Mapping[str, tuple[str, str]]
    sources: tuple[Source, ...]
    pictures: tuple[str, ...]
    signatures: tuple[Any, ...]
    has_pdf: bool
    devices: tuple[str, ...]


def waiting(case: Case) -> Waiting:
    """The line of a case."""
    return Waiting(
        key=case.task.resource["id"],
        kind=case.kind.value,
        title=case.title,
        patient=_person(case.patient),
        since=spoken.moment(case.task.resource.get("authoredOn", "")),
        reason=next(iter(case.asked("reason")), ""),
        changed=bool(case.changes),
        by_model=is_model(case),
        is_test=labels.is_test(case.task.resource),
    )


def page(case: Case) -> Page:
    """The page of a case."""
    focus = case.focus.resource if case.focus else {}
    drafted = bool(case.drafts)
    told = tuple(
        (title, tuple(Sentence(pieces=words.marked(text), spots=spots) for text, spots in sentences))
        for title, sentences in sections(focus)
    )
    return Page(
        key=case.task.resource["id"],
        kind=case.kind,
        title=case.title,
        status=focus.get("docStatus") or focus.get("status") or "gone",
        is_open=case.is_open,
        is_signed=drafted and signing.is_final(focus),
        by_model=is_model(case),
        is_test=any(labels.is_test(each.resource) for each in (case.task, *case.drafts)),
        seen=case.seen,
        patient=_patient(case.patient),
        asked={code: _counted(case.asked(code)) for code in _ASKED},
        changes=tuple(dict.fromkeys(each.text for each in case.changes)),
        results=tuple(_result(case, each) for each in case.results if each.reference not in _members(case)),
        sections=told,
        conclusion=[] if told or not drafted else words.marked(focus.get("conclusion", "")),
        words=amending.words(focus) if drafted else {},
        sources=tuple(_sources(case)),
        pictures=tuple(each.resource["content"].get("title", "") for each in case.pictures),
        signatures=case.signatures,
        has_pdf=rendering(case) is not None,
        devices=tuple(dict.fromkeys(filter(None, map(_device, case.context)))),
    )


def _counted(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Each text once, with how often it is said."""
    counts = Counter(texts)
    return tuple(text if count == 1 else f"{text} ({count} times)" for text, count in counts.items())


_ASKED = ("reason", "coverage", "guard", "issue", "unconfirmed-result", "unread-place")


def rendering(case: Case) -> bytes | None:
    """The draft as PDF."""
    for note in case.notes:
        if presented.is_presented(note.resource):
            return next(
                (data for kind, data in _attachments(note.resource) if kind == "application/pdf"), None
            )
    return None


def content(source: Held) -> bytes | None:
    """The bytes of a source that are kept here: the first attachment that has some."""
    return next((data for _, data in _attachments(source.resource)), None)


def may_be_played(content_: bytes) -> str | None:
    """The type of a recording that a browser may be handed."""
    kind = sniff(content_)
    return kind if kind in _PLAYED else None


def marks(case: Case, number: int) -> list[tuple[tuple[float, float, float, float], bool]]:
    """The boxes on one page, and whether the value itself stands there."""
    return [
        (spot.box, spot.is_value)
        for each in case.results
        for spot in case.places(each.reference)
        if spot.box and spot.page == number
    ]


def regions(picture: Held) -> list[tuple[tuple[float, float, float, float], bool]]:
    """The boxes in a picture of the report, in pixels of the picture as it is kept."""
    shown = report_sheet.picture(picture.resource)
    if shown is None:
        return []
    across, down = _scale(shown)
    return [
        ((x0 * across, top * down, x1 * across, bottom * down), True)
        for x0, top, x1, bottom in (mark.box for mark in shown.marks)
    ]


def _scale(picture: Picture) -> tuple[float, float]:
    """Pixels of a PNG as it is kept for one of the source (IHDR); a JPEG is as large as its source."""
    if not picture.content.startswith(_PNG) or len(picture.content) < _PNG_HEAD:
        return 1.0, 1.0
    columns, rows = struct.unpack(">II", picture.content[16:_PNG_HEAD])
    return columns / picture.columns, rows / picture.rows


def _members(case: Case) -> set[str]:
    """Results that stand under another one: a finding shows the places of its regions itself."""
    return {one["reference"] for each in case.results for one in each.resource.get("hasMember", [])}


def _result(case: Case, held: Held) -> Result:
    observation = held.resource
    row = report_sheet.row(observation)
    return Result(
        reference=held.reference,
        row=row,
        name=words.marked(row.name),
        value=words.marked(row.result),
        detail=words.marked(row.detail),
        editable=amending.editable(observation),
        unit=amending.unit(observation),
        is_negative=report_sheet.is_negative(observation),
        is_gone=signing.is_gone(observation),
        spots=case.places(held.reference),
    )


def _sources(case: Case) -> Iterator[Source]:
    quotes = [spot.quote for each in case.results for spot in case.places(each.reference)]
    focus = case.focus.resource if case.focus else {}
    quotes += [spot.quote for _, told in sections(focus) for _, spots in told for spot in spots]
    for number, each in enumerate(case.sources):
        yield _source(case, number, each, quotes)


def _source(case: Case, number: int, held: Held, quotes: list[str]) -> Source:
    resource = held.resource
    title = resource.get("description") or spoken.concept(resource.get("type") or resource.get("code"))
    title = title or resource["resourceType"]
    gone = resource.get("status") == _WITHDRAWN
    data = content(held)
    kind = sniff(data) if data else None
    if data and kind in _DRAWN:
        pages = sorted(
            {spot.page for each in case.results for spot in case.places(each.reference) if spot.page}
        )
        shown = tuple(pages[:_MOST_PAGES]) or (1,)
        note = f"{len(pages) - _MOST_PAGES} more pages have results" if len(pages) > _MOST_PAGES else ""
        return Source(number=number, kind="pages", title=title, pages=shown, note=note, is_withdrawn=gone)
    if data and kind in _PLAYED:
        return Source(number=number, kind="audio", title=title, is_withdrawn=gone)
    text = spoken.plain_text(resource) or resource.get("valueString") or _form(resource)
    if text:
        return Source(
            number=number, kind="text", title=title, text=words.quoted(text, quotes), is_withdrawn=gone
        )
    return Source(number=number, kind="elsewhere", title=title, note=_where(resource), is_withdrawn=gone)


def _form(resource: Node) -> str:
    """The words of a sender's report."""
    forms = [{"attachment": each} for each in resource.get("presentedForm", [])]
    return spoken.plain_text({"content": forms}) or str(resource.get("conclusion", ""))


def _where(resource: Node) -> str:
    numbers = spoken.identifiers(resource.get("identifier", []))
    return f"Its images or bytes are not kept here. {numbers}".strip()


def _attachments(resource: Node) -> Iterator[tuple[str, bytes]]:
    nodes = resource.get("content", [])
    parts = [nodes] if isinstance(nodes, dict) else [each["attachment"] for each in nodes]
    for part in parts:
        try:
            data = base64.b64decode(part.get("data", ""), validate=True)
        except binascii.Error:
            continue
        if data:
            yield str(part.get("contentType", "")), data


def _person(held: Held | None) -> str:
    if held is None:
        return "not named"
    person = held.resource
    return " · ".join(part for part in (spoken.person(person), person.get("birthDate", "")) if part)


def _patient(held: Held | None) -> dict[str, str]:
    if held is None:
        return {"Patient": "not named"}
    person = held.resource
    return {
        "Patient": spoken.person(person) or "name not known",
        "Born": person.get("birthDate", "not known"),
        "Sex": person.get("gender", "not known"),
        "Numbers": spoken.identifiers(person.get("identifier", [])) or "none",
    }


def _device(resource: Node) -> str:
    if resource["resourceType"] != "Device":
        return ""
    name = next((each["name"] for each in resource.get("deviceName", [])), "")
    version = next((each["value"] for each in resource.get("version", [])), "")
    return f"{name} {version}".strip()
