"""The lab report task: by rule first, a model for what is left, every value with its place on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from inference import runs
from inference.errors import InputRefused, OutputInvalid
from inference.media import image, pdf
from inference.media.pages import Page
from inference.media.pdf import DEFAULT, PdfLimits
from inference.runs import Help
from inference.tasks.lab_report import asking, names, reading
from inference.tasks.lab_report.acquisition import Acquired, acquire
from inference.tasks.lab_report.analytes import normalised
from inference.tasks.lab_report.asking import Claim
from inference.tasks.lab_report.cells import Grammar
from inference.tasks.lab_report.numbers import Marks
from inference.tasks.lab_report.settling import Context, Terms, settle
from mappers.domain import media_types
from mappers.domain.attribution import ModelRun
from mappers.domain.coding import Concept
from mappers.domain.documents import Document
from mappers.domain.extraction import Extracted, ExtractedReport, Method, Span
from mappers.domain.issues import Issue, IssueCode, Severity

ID: Final = "lab_report"
#: Changes with the prompt, the schema, or the way the answer is read.
VERSION: Final = "1"
NO_MODEL: Final = "not read: no model"
#: MedGemma sees 896 pixels a side, whatever it is given.
_MODEL_DPI: Final = 110


@dataclass(frozen=True, slots=True)
class _Left:
    """What the rules could not read."""

    pages: tuple[Page, ...] = field(default=())
    spans: tuple[Span, ...] = field(default=())


def read(
    document: Document, *, terms: Terms, help_: Help | None = None, limits: PdfLimits = DEFAULT
) -> ExtractedReport:
    """Read all results of a laboratory report.

    Args:
        document: PDF, picture or plain text.
        terms: units and codes of the channel.
        help_: a model for what the rules leave over; None leaves it unread and says so.
        limits: of pages, objects, pixels, and of the parsing process.

    Raises:
        InputRefused: the document is damaged, locked, of another kind, or over a limit.
        ReaderMissing: the library for its kind is not installed.
        BackendUnavailable: there is something left over, and the model does not run now.
    """
    acquired = acquire(document, limits=limits)
    found = reading.read(acquired.pages, sha256=document.sha256, terms=terms)
    left = _left(acquired, found, document.sha256)
    report = ExtractedReport(
        document=document,
        pages_read=tuple(
            page.number for page in acquired.pages if page.read and not _is_blank(page, acquired)
        ),
        pages_total=acquired.total,
        coverage=_coverage(acquired),
        printed=found.printed,
        rows=found.rows,
        unread=left.spans,
        issues=acquired.issues,
    )
    if not left.pages:
        return report
    if help_ is None:
        return replace(report, issues=(*report.issues, _issue(Severity.WARNING, NO_MODEL)))
    return _asked(report, left, terms, help_, limits)


def _is_blank(page: Page, acquired: Acquired) -> bool:
    return page.number in acquired.without_words


def _coverage(acquired: Acquired) -> str:
    numbers = [page.number for page in acquired.pages if page.read and not _is_blank(page, acquired)]
    if not numbers:
        return f"no page of {acquired.total}"
    if numbers == list(range(numbers[0], numbers[-1] + 1)):
        span = f"pages {numbers[0]}–{numbers[-1]}" if len(numbers) > 1 else f"page {numbers[0]}"
    else:
        span = "pages " + ", ".join(str(number) for number in numbers)
    return f"{span} of {acquired.total}"


def _left(acquired: Acquired, found: reading.Reading, sha256: str) -> _Left:
    spans = list(found.unread)
    numbers = {span.page for span in spans} | set(acquired.without_words)
    for page in acquired.pages:
        if page.number in acquired.without_words:
            spans.append(Span(sha256, page.number, (0.0, 0.0, page.width, page.height), "(picture)"))
        elif not found.rows and _speaks_of_analytes(page):
            numbers.add(page.number)
            spans.append(Span(sha256, page.number, (0.0, 0.0, page.width, page.height), "(page)"))
    return _Left(tuple(page for page in acquired.pages if page.number in numbers), tuple(spans))


def _speaks_of_analytes(page: Page) -> bool:
    """Whether a page without any result has names of analytes and numbers on it."""
    known = sum(len(word.text) > 2 and names.is_known(word.text) for word in page.words)  # noqa: PLR2004
    return known > 1 and any(letter.isdigit() for word in page.words for letter in word.text)


def _asked(
    report: ExtractedReport, left: _Left, terms: Terms, help_: Help, limits: PdfLimits
) -> ExtractedReport:
    pages = left.pages[: asking.MOST_PAGES]
    prompt = asking.prompt(pages, _pictures(report.document, pages, limits))
    made, completion = runs.run(
        prompt, help_.generator, task=ID, version=VERSION, memo=help_.memo, now=help_.now
    )
    issues = list(report.issues)
    if len(left.pages) > len(pages):
        issues.append(_issue(Severity.WARNING, "some pages were not given to the model: more than its limit"))
    try:
        claims = asking.claims(completion, prompt)
    except OutputInvalid as error:
        issues.append(_issue(Severity.WARNING, f"the model's answer is not used: {error}"))
        return replace(report, model_run=made, issues=tuple(issues))
    return _reconciled(replace(report, issues=tuple(issues)), claims, pages, terms, made)


def _pictures(document: Document, pages: Sequence[Page], limits: PdfLimits) -> dict[int, bytes]:
    numbers = [page.number for page in pages]
    try:
        if media_types.sniff(document.content) == media_types.PDF:
            drawn = pdf.render(document.content, numbers, dpi=_MODEL_DPI, limits=limits)
            return {number: picture.png for number, picture in zip(numbers, drawn, strict=True)}
        frames = image.read(document.content, pages=limits.pages).frames
    except InputRefused:
        return {}
    return {number: frames[number - 1].png for number in numbers if number <= len(frames)}


def _reconciled(
    report: ExtractedReport, claims: Sequence[Claim], pages: Sequence[Page], terms: Terms, made: ModelRun
) -> ExtractedReport:
    """The rules' results stand; a model confirms them, adds to them, or is said to disagree."""
    by_number = {page.number: page for page in pages}
    context = Context(report.document.sha256, terms, Marks.MIXED, report.printed, uncommon=True)
    rows = list(report.rows)
    for claim in claims:
        row = asking.grounded(claim, by_number[claim.page], Grammar(terms.ucum))
        read = settle(row, context) if row is not None else _unconfirmed(claim)
        same = [index for index, known in enumerate(rows) if _same_test(known, read, claim.page)]
        if not same:
            rows.append(replace(read, method=Method.MODEL))
            continue
        known = rows[same[0]]
        if _flat(known.printed) == _flat(claim.value):
            rows[same[0]] = replace(known, also=tuple(dict.fromkeys((*known.also, Method.MODEL))))
        else:
            issue = Issue(Severity.WARNING, IssueCode.CONFLICT, "", "a model read another value here")
            rows[same[0]] = replace(known, issues=(*known.issues, issue))
    seen = {(span.page, span.quote) for row in rows if row.confirmed for span in row.spans}
    unread = tuple(span for span in report.unread if not _covered(span, rows, seen))
    return replace(report, rows=tuple(rows), model_run=made, unread=unread)


def _unconfirmed(claim: Claim) -> Extracted:
    issue = Issue(
        Severity.WARNING, IssueCode.INCOMPLETE, f"page {claim.page}",
        "a model read this, and it does not stand on the page as claimed; it is not written as a value",
    )  # fmt: skip
    return Extracted(
        name=claim.name,
        code=Concept(text=claim.name),
        printed=claim.value,
        method=Method.MODEL,
        unit=claim.unit,
        flag=claim.flag,
        confirmed=False,
        issues=(issue,),
    )


def _same_test(known: Extracted, read: Extracted, page: int) -> bool:
    on_page = not known.spans or any(span.page == page for span in known.spans)
    return on_page and normalised(known.name) == normalised(read.name)


def _flat(text: str) -> str:
    return "".join(text.split())


def _covered(span: Span, rows: Sequence[Extracted], seen: set[tuple[int, str]]) -> bool:
    """Whether a confirmed value now stands in an unread place."""
    x0, top, x1, bottom = span.bbox
    if (span.page, span.quote) in seen:
        return True
    return any(
        row.confirmed
        and row.method is Method.MODEL
        and row.spans[0].page == span.page
        and x0 - 1 <= row.spans[0].bbox[0] <= x1 + 1
        and top - 1 <= row.spans[0].bbox[1] <= bottom + 1
        for row in rows
    )


def _issue(severity: Severity, text: str) -> Issue:
    return Issue(severity, IssueCode.INCOMPLETE, "", text)
