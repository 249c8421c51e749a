"""What a page says of the patient, the order and the report: labels and what stands beside them. Pure.

Extracted so that a flow can compare it with the message that carried the document; never used to identify
anyone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from inference.media.pages import Page
from inference.tasks.lab_report import dates
from inference.tasks.lab_report.strips import Strip, cells, lines
from mappers.domain.extraction import Printed, PrintedKind, Span

#: Words before a colon or in a cell of their own; the special before the general.
_LABELS: Final[tuple[tuple[PrintedKind, tuple[str, ...]], ...]] = (
    (
        PrintedKind.BIRTH_DATE,
        (
            r"d\.?o\.?b\.?|date of birth|birth ?date|born",
            r"geburtsdatum|geb\.?(?: am)?|date de naissance|né\(e\) le|fecha de nacimiento|data di nascita",
        ),
    ),
    (
        PrintedKind.PATIENT_ID,
        (
            r"mrn|patient (?:id|no|number)\.?|medical record(?: (?:no|number)\.?)?|pid",
            r"hospital (?:no|number)",
            r"uhid|health (?:no|id)|nhs (?:no|number)|chart (?:no|number|#)|patienten-?(?:id|nr\.?|nummer)",
        ),
    ),
    (
        PrintedKind.ACCESSION,
        (
            r"accession(?: (?:no|number|#))?\.?|acc\.? ?(?:no|#)\.?|lab(?:oratory)? (?:no|id|number|ref)\.?",
            r"(?:sample|specimen) (?:id|no|number)\.?|auftragsnummer|labornummer|barcode|filler order",
        ),
    ),
    (
        PrintedKind.ORDER_NUMBER,
        (
            r"order(?: ?(?:id|no|number|#))\.?|requisition(?: (?:no|number|#))?",
            r"req(?:uest)? ?(?:no|number|#)\.?|placer order|order",
        ),
    ),
    (
        PrintedKind.COLLECTED,
        (
            r"(?:date |sample |specimen )?(?:collected|drawn)(?: (?:on|date|at|date/time|time))?",
            r"collection (?:date|time|date/time)|date of collection|sample date|date collected",
            r"entnahme(?:datum|zeit)?|abnahme(?:datum)?|date de prélèvement|prélevé le",
            r"fecha de (?:toma|extracción)|data (?:del )?prelievo",
        ),
    ),
    (
        PrintedKind.RECEIVED,
        (
            r"(?:date |sample |specimen )?received(?: (?:on|date|at))?|date received",
            r"eingang(?:sdatum)?|reçu le|recibido",
        ),
    ),
    (
        PrintedKind.REPORTED,
        (
            r"(?:date )?reported(?: (?:on|date|at))?|report(?:ed)? date|date of report|issued",
            r"printed(?: on)?|befunddatum|validated(?: on)?|released",
        ),
    ),
    (PrintedKind.SPECIMEN, (r"specimen(?: type)?|sample(?: type)?|material|probenmaterial|matrix",)),
    (
        PrintedKind.REQUESTER,
        (
            r"(?:ordered|requested|referred) by|ordering (?:physician|provider)|einsender|requester",
            r"(?:referring )?(?:physician|doctor|provider|clinician)|ref(?:erring)?\.? (?:by|dr)\.?",
            r"prescripteur|médico|medico richiedente",
        ),
    ),
    (PrintedKind.GENDER, (r"(?:age ?/ ?)?sex(?: ?/ ?age)?|gender|geschlecht|sexe|sexo|sesso",)),
    (PrintedKind.LABORATORY, (r"laboratory|performing lab(?:oratory)?|lab(?: name)?",)),
    (
        PrintedKind.PATIENT_NAME,
        (
            r"patient(?: ?name)?|name(?: of patient)?|patient's name|patientenname|patientin",
            r"nom|nombre|paciente|paziente",
        ),
    ),
)
_ANY: Final = re.compile(
    "|".join(f"(?P<{kind.name}>{'|'.join(words)})" for kind, words in _LABELS), re.IGNORECASE
)
_AT_START: Final = re.compile(rf"(?:{_ANY.pattern})\s*(?P<colon>[:#=]|(?=\s*$))", re.IGNORECASE)
_WITHIN: Final = re.compile(rf"(?<![\w-])(?:{_ANY.pattern})\s?:", re.IGNORECASE)
_DATED: Final = frozenset(
    {PrintedKind.BIRTH_DATE, PrintedKind.COLLECTED, PrintedKind.RECEIVED, PrintedKind.REPORTED}
)
_ID_LIKE: Final = frozenset({PrintedKind.PATIENT_ID, PrintedKind.ACCESSION, PrintedKind.ORDER_NUMBER})
_LONGEST: Final = 60


def facts(page: Page, sha256: str) -> Iterator[Printed]:
    """The facts that a page prints beside a label, from top to bottom."""
    for line in lines(page.words):
        yield from _of_line([Strip.of(cell) for cell in cells(line)], page=page, sha256=sha256)


def _of_line(strips: Sequence[Strip], *, page: Page, sha256: str) -> Iterator[Printed]:
    label: tuple[PrintedKind, str] | None = None
    for strip in strips:
        labels = list(_labels(strip))
        if not labels:
            if label is not None:
                yield from _fact(*label, strip, page=page, sha256=sha256)
            label = None
            continue
        if labels[0][1] > 0 and label is not None:
            yield from _fact(*label, strip.cut(0, labels[0][1]), page=page, sha256=sha256)
        for (kind, start, end), following in zip(labels, [*labels[1:], None], strict=True):
            value = strip.cut(end, following[1] if following else None)
            if value:
                yield from _fact(kind, strip.text[start:end], value, page=page, sha256=sha256)
        kind, start, end = labels[-1]
        label = None if strip.cut(end) else (kind, strip.text[start:end])


def _labels(strip: Strip) -> Iterable[tuple[PrintedKind, int, int]]:
    """Labels in a cell: one at its start, or several that end in a colon."""
    first = _AT_START.match(strip.text)
    if first is not None:
        yield _kind(first), 0, first.end()
    for match in _WITHIN.finditer(strip.text, first.end() if first else 0):
        yield _kind(match), match.start(), match.end()


def _kind(match: re.Match[str]) -> PrintedKind:
    return next(kind for kind, _ in _LABELS if match[kind.name] is not None)


def _fact(kind: PrintedKind, label: str, value: Strip, *, page: Page, sha256: str) -> Iterator[Printed]:
    when = dates.find(value.text) if kind in _DATED else None
    if kind in _DATED:
        if when is None:
            return
        value = value.cut(when.start, when.end)
    elif kind in _ID_LIKE:
        # Ids have no blanks; what follows is something else.
        value = value.cut(0, len(value.text.split(" ")[0]))
        if not any(letter.isdigit() for letter in value.text):
            return
    if not value or len(value.text) > _LONGEST:
        return
    span = Span(sha256, page.number, value.box, value.text)
    yield Printed(kind, label.strip(" :#="), value.text, span, when.moment if when else None)
