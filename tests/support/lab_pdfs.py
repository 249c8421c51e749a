"""Lab reports as PDF, drawn from a seed, each with the truth about every result on it. All of it is invented."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from reportlab.lib.colors import Color, HexColor, black
from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfgen.canvas import Canvas


@dataclass(frozen=True)
class Truth:
    """One result as it stands on the page.

    Attributes:
        value: as a decimal with its digits, or the words of a qualitative result; None where there is none.
        loinc: the code that it must have, "" where it must have none, None where either is right.
    """

    name: str
    value: str | None
    unit: str | None = None
    comparator: str | None = None
    range: str | None = None
    flag: str | None = None
    loinc: str | None = None
    page: int = 1
    date: str | None = None


@dataclass
class Sheet:
    """A report: its bytes and its truth."""

    layout: str
    seed: int
    content: bytes = b""
    truth: list[Truth] = field(default_factory=list)
    pages: int = 1


@dataclass(frozen=True)
class Test:
    name: str
    unit: str
    low: float
    high: float
    digits: int
    loinc: str
    panel: str = "Chemistry"


TESTS = [
    Test("Hemoglobin", "g/dL", 12.0, 16.0, 1, "718-7", "Hematology"),
    Test("Hematocrit", "%", 36, 46, 1, "4544-3", "Hematology"),
    Test("WBC", "10*3/uL", 4.5, 11.0, 1, "6690-2", "Hematology"),
    Test("RBC", "10*6/uL", 4.0, 5.2, 2, "789-8", "Hematology"),
    Test("Platelets", "10*3/uL", 150, 400, 0, "777-3", "Hematology"),
    Test("MCV", "fL", 80, 100, 1, "787-2", "Hematology"),
    Test("MCH", "pg", 27, 33, 1, "785-6", "Hematology"),
    Test("Sodium", "mmol/L", 135, 145, 0, "2951-2"),
    Test("Potassium", "mmol/L", 3.5, 5.1, 1, "2823-3"),
    Test("Chloride", "mmol/L", 98, 107, 0, "2075-0"),
    Test("Creatinine", "mg/dL", 0.60, 1.20, 2, "2160-0"),
    Test("Glucose", "mg/dL", 70, 99, 0, "2345-7"),
    Test("Calcium", "mg/dL", 8.5, 10.5, 1, "17861-6"),
    Test("Albumin", "g/dL", 3.5, 5.0, 1, "1751-7"),
    Test("ALT", "U/L", 7, 40, 0, "1742-6"),
    Test("AST", "U/L", 8, 38, 0, "1920-8"),
    Test("Alkaline phosphatase", "U/L", 40, 130, 0, "6768-6"),
    Test("Bilirubin, total", "mg/dL", 0.2, 1.2, 1, "1975-2"),
    Test("TSH", "mIU/L", 0.40, 4.00, 2, "3016-3"),
    Test("Ferritin", "ng/mL", 15, 150, 0, "2276-4"),
    Test("Total cholesterol", "mg/dL", 100, 200, 0, "2093-3"),
    Test("Triglycerides", "mg/dL", 50, 150, 0, "2571-8"),
    Test("Vitamin B12", "pg/mL", 200, 900, 0, "2132-9"),
    Test("C-reactive protein", "mg/L", 0.0, 5.0, 1, "1988-5"),
    Test("Lipase", "U/L", 13, 60, 0, "3040-3"),
    Test("Magnesium", "mg/dL", 1.6, 2.6, 1, "19123-9"),
    # Not in the table of analytes: read, and without a code.
    Test("Zonulin antigen", "ng/mL", 10, 60, 1, ""),
    Test("Obscurin-7 activity", "U/mL", 1.0, 9.0, 2, ""),
]


def _text(value: float, digits: int, mark: str = ".") -> str:
    return f"{value:.{digits}f}".replace(".", mark)


@dataclass
class Drawn:
    """One result with its random numbers."""

    test: Test
    value: str
    flag: str
    low: str
    high: str
    comparator: str = ""

    @property
    def range(self) -> str:
        return f"{self.low}-{self.high}"


def draw(rng: random.Random, count: int, mark: str = ".", *, comparators: bool = False) -> list[Drawn]:
    found = []
    for test in rng.sample(TESTS, count):
        spread = test.high - test.low
        number = max(10**-test.digits, rng.uniform(test.low - spread * 0.4, test.high + spread * 0.6))
        printed = _text(number, test.digits, mark)
        flag = "L" if Decimal(printed.replace(mark, ".")) < Decimal(str(test.low)) else ""
        flag = "H" if Decimal(printed.replace(mark, ".")) > Decimal(str(test.high)) else flag
        comparator = rng.choice(["<", ">", "<=", "≥", ""]) if comparators else ""
        comparator = "" if comparator == "≥" else comparator  # the standard fonts have no such glyph
        found.append(
            Drawn(
                test,
                printed,
                flag,
                _text(test.low, test.digits, mark),
                _text(test.high, test.digits, mark),
                comparator,
            )
        )
    return found


def truth(drawn: Drawn, *, mark: str = ".", unit: str | None = None, page: int = 1, loinc: str | None = "own",
          name: str | None = None, flag: bool = True, date: str | None = None) -> Truth:  # fmt: skip
    return Truth(
        name or drawn.test.name,
        drawn.value.replace(mark, "."),
        unit if unit is not None else drawn.test.unit,
        drawn.comparator or None,
        flag=(drawn.flag or None) if flag else None,
        loinc=drawn.test.loinc if loinc == "own" else loinc,
        page=page,
        date=date,
    )


class Paper:
    """A canvas that is measured from the top, as people read."""

    def __init__(self, size: tuple[float, float] = A4, font: str = "Helvetica", points: float = 10) -> None:
        self.stream = io.BytesIO()
        self.canvas = Canvas(self.stream, pagesize=size, invariant=1)
        self.width, self.height = size
        self.font, self.points = font, points
        self.page = 1

    def text(self, x: float, top: float, text: str, *, bold: bool = False, right: bool = False, points: float | None = None,
             colour: Color = black) -> None:  # fmt: skip
        face = {"Helvetica": "Helvetica-Bold", "Courier": "Courier-Bold", "Times-Roman": "Times-Bold"}[
            self.font
        ]
        self.canvas.setFillColor(colour)
        self.canvas.setFont(face if bold else self.font, points or self.points)
        put = self.canvas.drawRightString if right else self.canvas.drawString
        put(x, self.height - top, text)

    def line(self, x0: float, top0: float, x1: float, top1: float) -> None:
        self.canvas.line(x0, self.height - top0, x1, self.height - top1)

    def box(self, x0: float, top: float, x1: float, bottom: float, colour: str) -> None:
        self.canvas.setFillColor(HexColor(colour))
        self.canvas.rect(x0, self.height - bottom, x1 - x0, bottom - top, stroke=0, fill=1)

    def next(self) -> None:
        self.canvas.showPage()
        self.page += 1

    def letterhead(self, rng: random.Random) -> None:
        self.text(50, 45, "Northwood Regional Laboratory", bold=True, points=14)
        self.text(50, 60, "12 Harbour Road   Tel 555-0100   CLIA 99D9999999", points=8)
        self.text(50, 80, "Patient: TESTCASE, AMARA")
        self.text(300, 80, "DOB: 1971-03-04")
        self.text(50, 94, f"MRN: T{rng.randint(10000, 99999)}")
        self.text(300, 94, f"Accession: NW-{rng.randint(1000, 9999)}")
        self.text(50, 108, "Collected: 2026-10-05 07:45")
        self.text(300, 108, "Ordering physician: Dr. Example")

    def done(self, sheet: Sheet) -> Sheet:
        self.canvas.save()
        sheet.content = self.stream.getvalue()
        sheet.pages = self.page
        return sheet


def _grid(paper: Paper, xs: Sequence[float], top: float, rows: Sequence[Sequence[str]], *, step: float = 18,
          row_lines: bool = True) -> float:  # fmt: skip
    bottom = top + step * len(rows)
    for index, row in enumerate(rows):
        for x, text in zip(xs, row, strict=False):
            paper.text(x + 4, top + step * index + 12, text, bold=index == 0)
        if row_lines or index <= 1:
            paper.line(xs[0], top + step * index, xs[-1], top + step * index)
    paper.line(xs[0], bottom, xs[-1], bottom)
    for x in xs:
        paper.line(x, top, x, bottom)
    return bottom


def ruled(rng: random.Random, sheet: Sheet) -> Sheet:
    paper = Paper()
    paper.letterhead(rng)
    drawn = draw(rng, 16)
    rows = [["Test", "Result", "Flag", "Units", "Reference Range"]]
    rows += [[d.test.name, d.value, d.flag, d.test.unit, d.range] for d in drawn]
    _grid(paper, [50, 200, 270, 320, 400, 520], 130, rows)
    sheet.truth += [truth(d) for d in drawn]
    return paper.done(sheet)


def aligned(rng: random.Random, sheet: Sheet) -> Sheet:
    paper = Paper(font=rng.choice(["Helvetica", "Times-Roman"]))
    paper.letterhead(rng)
    top = 140.0
    for x, text in (
        (50, "TEST NAME"),
        (230, "RESULT"),
        (300, "FLAG"),
        (350, "UNITS"),
        (430, "REFERENCE INTERVAL"),
    ):
        paper.text(x, top, text, bold=True)
    for d in draw(rng, 18):
        top += 15
        paper.text(50, top, d.test.name)
        paper.text(265, top, d.value, right=True)
        paper.text(305, top, d.flag)
        paper.text(350, top, d.test.unit)
        paper.text(430, top, f"{d.low} - {d.high}")
        sheet.truth.append(truth(d))
    paper.text(
        50, top + 30, "End of report. Results relate only to the samples that were received.", points=8
    )
    return paper.done(sheet)


def side_by_side(rng: random.Random, sheet: Sheet) -> Sheet:
    paper = Paper(points=8.5)
    paper.letterhead(rng)
    drawn = draw(rng, 20)
    for left, part, offset in ((45.0, drawn[:10], 0), (310.0, drawn[10:], rng.choice([0, 0, 7]))):
        top = 140.0 + offset
        for x, text in ((0, "Test"), (95, "Result"), (140, "Units"), (190, "Reference")):
            paper.text(left + x, top, text, bold=True)
        for d in part:
            top += 14
            paper.text(left, top, d.test.name)
            paper.text(left + 95, top, d.value)
            paper.text(left + 125, top, d.flag)
            paper.text(left + 140, top, d.test.unit)
            paper.text(left + 190, top, d.range)
            sheet.truth.append(truth(d, flag=False))
    return paper.done(sheet)


def several_pages(rng: random.Random, sheet: Sheet) -> Sheet:
    paper = Paper()
    heads = rng.choice([True, False])
    drawn = draw(rng, 26)
    for number, part in enumerate((drawn[:9], drawn[9:18], drawn[18:]), 1):
        if number > 1:
            paper.next()
        paper.letterhead(rng)
        paper.text(500, 800, f"Page {number} of 3", points=8)
        top = 140.0
        if number == 1 or heads:
            for x, text in ((50, "Analyte"), (220, "Value"), (290, "Unit"), (380, "Normal range")):
                paper.text(x, top, text, bold=True)
        for d in part:
            top += 16
            paper.text(50, top, d.test.name)
            paper.text(220, top, f"{d.value} {d.flag}".strip())
            paper.text(290, top, d.test.unit)
            paper.text(380, top, d.range)
            sheet.truth.append(truth(d, page=number))
    return paper.done(sheet)


GERMAN = {"Hemoglobin": "Hämoglobin", "Hematocrit": "Hämatokrit", "WBC": "Leukozyten", "RBC": "Erythrozyten",
          "Platelets": "Thrombozyten", "Sodium": "Natrium", "Potassium": "Kalium", "Chloride": "Chlorid",
          "Creatinine": "Kreatinin", "Glucose": "Glukose", "Triglycerides": "Triglyceride", "Albumin": "Albumin"}  # fmt: skip


def decimal_comma(rng: random.Random, sheet: Sheet) -> Sheet:
    paper = Paper()
    paper.text(50, 45, "Labor Musterstadt", bold=True, points=14)
    paper.text(50, 80, "Patient: MUSTER, ERIKA    Geburtsdatum: 04.03.1971")
    paper.text(50, 94, "Auftragsnummer: 20-4711    Entnahme: 05.10.2026")
    top = 140.0
    for x, text in ((50, "Analyse"), (230, "Ergebnis"), (330, "Referenzbereich")):
        paper.text(x, top, text, bold=True)
    for d in draw(rng, 20, ","):
        name = GERMAN.get(d.test.name)
        if name is None:
            continue
        top += 16
        paper.text(50, top, f"{name} [{d.test.unit}]")
        paper.text(270, top, f"{d.value}", right=True)
        paper.text(276, top, {"H": "+", "L": "-"}.get(d.flag, ""))
        paper.text(330, top, f"{d.low} - {d.high}")
        sheet.truth.append(truth(d, mark=",", name=name, flag=False))
    return paper.done(sheet)


def tight_cells(rng: random.Random, sheet: Sheet) -> Sheet:
    """Comparator, value, flag and unit in one cell."""
    paper = Paper()
    paper.letterhead(rng)
    rows = [["Investigation", "Observed Value", "Biological Reference Interval"]]
    for d in draw(rng, 15, comparators=True):
        flag = f" {d.flag}" if d.flag else ""
        shape = rng.choice(["{c}{v}{f} {u}", "{c} {v} {u}{f}", "{c}{v} {u}"])
        rows.append(
            [d.test.name, shape.format(c=d.comparator, v=d.value, f=flag, u=d.test.unit).strip(), d.range]
        )
        sheet.truth.append(truth(d, flag="{f}" in shape))
    _grid(paper, [50, 220, 370, 540], 130, rows)
    return paper.done(sheet)


def unit_in_head(rng: random.Random, sheet: Sheet) -> Sheet:
    paper = Paper()
    paper.letterhead(rng)
    top = 140.0
    for unit in ("mg/dL", "U/L", "mmol/L"):
        for x, text in ((50, "Parameter"), (220, f"Result ({unit})"), (340, f"Reference range ({unit})")):
            paper.text(x, top, text, bold=True)
        for d in [d for d in draw(rng, len(TESTS)) if d.test.unit == unit][:5]:
            top += 15
            paper.text(50, top, d.test.name)
            paper.text(220, top, d.value)
            paper.text(340, top, f"{d.low} to {d.high}")
            sheet.truth.append(truth(d, flag=False))
        top += 34
    return paper.done(sheet)


def cumulative(rng: random.Random, sheet: Sheet) -> Sheet:
    paper = Paper()
    paper.letterhead(rng)
    dates = ["2026-07-01", "2026-08-12", "2026-10-05"]
    lined = rng.choice([True, False])
    columns = [draw(random.Random(rng.random()), len(TESTS)) for _ in dates]
    chosen = [d.test for d in columns[0][:12]]
    rows = [["Test", *dates, "Units", "Reference"]]
    for test in chosen:
        values = [next(d for d in column if d.test is test) for column in columns]
        shown = [d.value if rng.random() < 0.85 else "" for d in values]
        rows.append([test.name, *shown, test.unit, values[0].range])
        for date, text, d in zip(dates, shown, values, strict=True):
            if text:
                sheet.truth.append(truth(d, flag=False, date=date))
    xs = [50, 190, 260, 330, 400, 460, 550]
    if lined:
        _grid(paper, xs, 130, rows)
    else:
        for index, row in enumerate(rows):
            for x, text in zip(xs, row, strict=False):
                paper.text(x, 140 + 15 * index, text, bold=index == 0)
    return paper.done(sheet)


def sections(rng: random.Random, sheet: Sheet) -> Sheet:
    paper = Paper()
    paper.letterhead(rng)
    top = 135.0
    for x, text in ((50, "Component"), (220, "Result"), (290, "Units"), (380, "Ref. Range")):
        paper.text(x, top, text, bold=True)
    drawn = draw(rng, 22)
    for panel in ("Hematology", "Chemistry"):
        top += 22
        paper.text(50, top, panel.upper(), bold=True)
        for d in [d for d in drawn if d.test.panel == panel]:
            top += 14
            paper.text(60, top, d.test.name)
            paper.text(220, top, d.value)
            paper.text(290, top, d.test.unit)
            paper.text(380, top, d.range)
            sheet.truth.append(truth(d, flag=False))
    top += 22
    paper.text(50, top, "URINE CHEMISTRY", bold=True)
    for name, unit, loinc in (
        ("Creatinine", "mg/dL", "2161-8"),
        ("Glucose", "mg/dL", ""),
        ("Sodium", "mmol/L", ""),
    ):
        top += 14
        value = str(rng.randint(20, 200))
        for x, text in ((60, name), (220, value), (290, unit), (380, "not established")):
            paper.text(x, top, text)
        sheet.truth.append(Truth(name, value, unit, loinc=loinc))
    return paper.done(sheet)


def leaders(rng: random.Random, sheet: Sheet) -> Sheet:
    paper = Paper(font="Courier", points=10)
    paper.letterhead(rng)
    top = 140.0
    for d in draw(rng, 22):
        if d.test.loinc == "":
            continue
        top += 14
        paper.text(
            50,
            top,
            f"{d.test.name} {'.' * (30 - len(d.test.name))} {d.value:>7} {d.flag:1} {d.test.unit:10} ({d.range})",
        )
        sheet.truth.append(truth(d))
    return paper.done(sheet)


def sentences(rng: random.Random, sheet: Sheet) -> Sheet:
    """Name, colon, value, range in brackets; prose around that mentions other values."""
    paper = Paper()
    paper.letterhead(rng)
    paper.text(
        50, 135, "The potassium of last week was 6.9 mmol/L; hemoglobin of 5.1 g/dL was seen elsewhere."
    )
    top = 150.0
    for d in draw(rng, 16):
        if d.test.loinc == "":
            continue
        top += 16
        paper.text(50, top, f"{d.test.name}: {d.value} {d.test.unit} ({d.low} - {d.high})")
        sheet.truth.append(truth(d, flag=False))
    paper.text(
        50, top + 30, "Sodium 199 mmol/L would be life threatening and is given here as an example only."
    )
    return paper.done(sheet)


def urinalysis(rng: random.Random, sheet: Sheet) -> Sheet:
    paper = Paper()
    paper.letterhead(rng)
    paper.text(50, 122, "Specimen: Urine, midstream")
    rows = [["Test", "Result", "Units", "Reference"]]
    sg = f"1.0{rng.randint(10, 30)}"
    ph = rng.choice(["5.5", "6.0", "7.5"])
    answers = [
        ("Color", rng.choice(["Yellow", "Amber"]), "", "Yellow", "5778-6"),
        ("Appearance", rng.choice(["Clear", "Cloudy"]), "", "Clear", "5767-9"),
        ("Specific gravity", sg, "", "1.005-1.030", "5811-5"),
        ("pH", ph, "", "5.0-8.0", "5803-2"),
        ("Protein", rng.choice(["Negative", "Trace", "2+"]), "", "Negative", "20454-5"),
        ("Glucose", rng.choice(["Negative", "1+"]), "", "Negative", "25428-4"),
        ("Nitrite", "Negative", "", "Negative", "5802-4"),
        ("Urine WBC", rng.choice(["0-2", "5-10"]), "/HPF", "0-5", "5821-4"),
    ]
    for name, value, unit, reference, loinc in answers:
        rows.append([name, value, unit, reference])
        sheet.truth.append(Truth(name, value, unit or None, loinc=loinc))
    if rng.choice([True, False]):
        _grid(paper, [50, 200, 300, 380, 480], 135, rows)
    else:
        for index, row in enumerate(rows):
            for x, text in zip((50, 200, 300, 380), row, strict=True):
                paper.text(x, 145 + 15 * index, text, bold=index == 0)
    return paper.done(sheet)


def column_lines(rng: random.Random, sheet: Sheet) -> Sheet:
    """Lines between the columns and below the heads, none between the rows."""
    paper = Paper()
    paper.letterhead(rng)
    drawn = draw(rng, 14)
    rows = [["Test", "Result", "Unit", "Range", "Flag"]]
    rows += [[d.test.name, d.value, d.test.unit, d.range, d.flag] for d in drawn]
    _grid(paper, [50, 210, 280, 360, 450, 500], 130, rows, step=15, row_lines=False)
    sheet.truth += [truth(d) for d in drawn]
    return paper.done(sheet)


def in_and_out(rng: random.Random, sheet: Sheet) -> Sheet:
    """Normal results in one column, abnormal ones in the next."""
    paper = Paper()
    paper.letterhead(rng)
    top = 140.0
    for x, text in (
        (50, "Test Name"),
        (220, "In Range"),
        (300, "Out of Range"),
        (400, "Reference Range"),
        (500, "Lab"),
    ):
        paper.text(x, top, text, bold=True)
    for d in draw(rng, 16):
        top += 15
        paper.text(50, top, d.test.name)
        paper.text(300 if d.flag else 220, top, f"{d.value} {d.flag}".strip())
        paper.text(400, top, f"{d.range} {d.test.unit}")
        paper.text(520, top, "NW")
        sheet.truth.append(truth(d))
    return paper.done(sheet)


def with_previous(rng: random.Random, sheet: Sheet) -> Sheet:
    paper = Paper(points=9)
    paper.letterhead(rng)
    drawn, old = draw(rng, 15), draw(rng, len(TESTS))
    rows = [["Test", "Current Result", "Previous Result", "Unit", "Normal"]]
    for d in drawn:
        before = next(o for o in old if o.test is d.test)
        rows.append([d.test.name, f"{d.value}{'*' if d.flag else ''}", before.value, d.test.unit, d.range])
        sheet.truth.append(truth(d, flag=False))
    _grid(paper, [50, 180, 270, 370, 440, 530], 130, rows)
    return paper.done(sheet)


def cancelled_and_prose(rng: random.Random, sheet: Sheet) -> Sheet:
    """Tests without a result, comments under results, and a page of conditions with numbers in it."""
    paper = Paper()
    paper.letterhead(rng)
    top = 140.0
    for x, text in ((50, "Test"), (220, "Result"), (290, "Units"), (380, "Reference")):
        paper.text(x, top, text, bold=True)
    words = ["CANCELLED", "QNS", "Not performed", "Pending", "Hemolyzed"]
    for index, d in enumerate(draw(rng, 14)):
        top += 15
        paper.text(50, top, d.test.name)
        if index % 4 == 3:
            paper.text(220, top, rng.choice(words))
            sheet.truth.append(Truth(d.test.name, None))
            continue
        for x, text in ((220, d.value), (290, d.test.unit), (380, d.range)):
            paper.text(x, top, text)
        sheet.truth.append(truth(d, flag=False))
        if index % 5 == 2:
            top += 12
            paper.text(
                60,
                top,
                "A value above 7.5 mg/dL was reported by telephone to Dr. Example at 09:15 on 5 October.",
                points=8,
            )
    paper.next()
    paper.text(50, 60, "Terms and conditions", bold=True)
    for index in range(30):
        paper.text(50, 80 + 14 * index, f"{index + 1}. The laboratory keeps samples for {rng.randint(2, 30)} days; a fee of "
                   f"{rng.randint(10, 90)}.00 is due within {rng.randint(10, 60)} days.", points=9)  # fmt: skip
    return paper.done(sheet)


def transposed(rng: random.Random, sheet: Sheet) -> Sheet:
    """Analytes are the column heads, each row is a date."""
    paper = Paper(size=landscape(A4))
    paper.letterhead(rng)
    tests = [t for t in rng.sample(TESTS, 12) if t.loinc][:6]
    rows = [["Date", *(t.name for t in tests)], ["Unit", *(t.unit for t in tests)]]
    for date in ("2026-07-01", "2026-08-12", "2026-10-05"):
        found = [next(d for d in draw(rng, len(TESTS)) if d.test is t) for t in tests]
        rows.append([date, *(d.value for d in found)])
        sheet.truth += [truth(d, flag=False, date=date) for d in found]
    _grid(paper, [50, 150, 265, 380, 495, 610, 725, 830][: len(tests) + 2], 130, rows)
    return paper.done(sheet)


def striped_with_powers(rng: random.Random, sheet: Sheet) -> Sheet:
    """Shaded rows without lines, white heads on a dark band, powers of ten raised."""
    paper = Paper()
    paper.letterhead(rng)
    paper.box(45, 128, 550, 146, "#1b3a57")
    for x, text in ((50, "Determination"), (230, "Value"), (300, "Unit"), (400, "Reference values")):
        paper.text(x, 141, text, bold=True, colour=HexColor("#ffffff"))
    top = 141.0
    for index, d in enumerate(draw(rng, 18)):
        top += 17
        if index % 2:
            paper.box(45, top - 12, 550, top + 5, "#e8eef4")
        paper.text(50, top, d.test.name)
        paper.text(230, top, d.value, bold=bool(d.flag))
        paper.text(400, top, f"{d.low} - {d.high}")
        unit = d.test.unit
        if unit.startswith("10*"):
            unit = {"10*3/uL": "10^9/L", "10*6/uL": "10^12/L"}[unit]
            start = paper.canvas.beginText(300, paper.height - top)
            start.setFont("Helvetica", 10)
            start.textOut("10")
            start.setFont("Helvetica", 6.5)
            start.setRise(4)
            start.textOut(unit[3:].split("/")[0])
            start.setRise(0)
            start.setFont("Helvetica", 10)
            start.textOut("/L")
            paper.canvas.drawText(start)
        else:
            paper.text(300, top, unit)
        sheet.truth.append(truth(d, unit=unit, flag=False))
    return paper.done(sheet)


def reference_laboratory(rng: random.Random, sheet: Sheet) -> Sheet:
    """A typewriter page with indented components, two value columns, units behind the range, notes below."""
    paper = Paper(font="Courier", points=9)
    paper.text(50, 40, "RIVERSIDE DIAGNOSTICS", bold=True)
    paper.text(50, 60, "PATIENT INFORMATION        REPORT STATUS FINAL")
    paper.text(50, 72, "SAMPLE, JOHN               ORDERING PHYSICIAN")
    paper.text(50, 84, "DOB: 02/03/1960 Age: 66    DR TEST")
    paper.text(50, 96, "Collected: 10/14/2026  08:15 AM")
    paper.text(50, 120, "Test Name                 In Range   Out of Range  Reference Range        Lab")
    top = 120.0
    for panel in ("LIPID PANEL, STANDARD", "COMPREHENSIVE METABOLIC PANEL"):
        top += 22
        paper.text(50, top, panel)
        for d in draw(rng, 9):
            top += 11
            name = d.test.name.upper()
            normal, abnormal = ("", f"{d.value} {d.flag}") if d.flag else (d.value, "")
            paper.text(50, top, f"  {name:24}{normal:>9}  {abnormal:12}  {d.range + ' ' + d.test.unit:22} EN")
            sheet.truth.append(truth(d, name=name))
        top += 11
        paper.text(
            50, top, "    For additional information, please refer to http://education.example/faq/FAQ165"
        )
        top += 11
        paper.text(50, top, "    (This link is provided for informational purposes only; value 5.7 or 6.4 %)")
    return paper.done(sheet)


FRENCH = {"Hemoglobin": "Hémoglobine", "Creatinine": "Créatinine", "Glucose": "Glycémie à jeun", "WBC": "Leucocytes",
          "Triglycerides": "Triglycérides", "Sodium": "Sodium", "Potassium": "Potassium", "Platelets": "Plaquettes",
          "Ferritin": "Ferritine", "TSH": "TSH"}  # fmt: skip


def french(rng: random.Random, sheet: Sheet) -> Sheet:
    """Decimal commas, ranges with a word, the last result in a column of its own."""
    paper = Paper()
    paper.text(50, 40, "LABORATOIRE DES TILLEULS", bold=True)
    paper.text(50, 60, "Patient : MARTIN TEST    Né(e) le : 12/05/1962")
    paper.text(50, 75, "Prélevé le : 14/10/2026 à 07:50")
    top = 110.0
    heads = (
        (50, "Examen"),
        (230, "Résultat"),
        (300, "Unité"),
        (370, "Valeurs de référence"),
        (490, "Antériorité"),
    )
    for x, text in heads:
        paper.text(x, top, text, bold=True)
    for d in draw(rng, len(TESTS), ","):
        if d.test.name not in FRENCH:
            continue
        top += 17
        paper.text(50, top, FRENCH[d.test.name])
        paper.text(270, top, d.value, right=True)
        paper.text(300, top, d.test.unit)
        paper.text(370, top, f"{d.low} à {d.high}")
        paper.text(490, top, _text(d.test.low * 1.1, d.test.digits, ","))
        sheet.truth.append(truth(d, mark=",", name=FRENCH[d.test.name], flag=False, loinc=None))
    return paper.done(sheet)


def numbered_with_bounds(rng: random.Random, sheet: Sheet) -> Sheet:
    """Row numbers, a column for each bound, a method."""
    paper = Paper()
    paper.letterhead(rng)
    rows = [["Sr No", "Analyte", "Value", "Low", "High", "UOM", "Method"]]
    for index, d in enumerate(draw(rng, 14), 1):
        rows.append([str(index), d.test.name, d.value, d.low, d.high, d.test.unit, "Photometry"])
        sheet.truth.append(truth(d, flag=False))
    _grid(paper, [40, 80, 210, 270, 330, 390, 460, 550], 130, rows)
    return paper.done(sheet)


def between_lines(rng: random.Random, sheet: Sheet) -> Sheet:
    """Lines below each row, a ruled box that is no table of results, a signature and a footer with numbers."""
    paper = Paper(points=9)
    paper.letterhead(rng)
    _grid(
        paper,
        [50, 150, 300, 400, 540],
        118,
        [["Ward", "7 North", "Bed", "12"], ["Clinician", "Dr. Test", "Phone", "555 1234"]],
    )
    top = 180.0
    for x, text in ((50, "Test description"), (210, "Results"), (300, "Ref. Range"), (400, "Units")):
        paper.text(x, top, text, bold=True)
    paper.line(50, top + 4, 540, top + 4)
    for d in draw(rng, 14):
        top += 20
        paper.text(50, top, d.test.name)
        paper.text(210, top, f"{d.value} ({d.flag})" if d.flag else d.value)
        paper.text(300, top, f"[{d.low} - {d.high}]")
        paper.text(400, top, d.test.unit)
        paper.line(50, top + 6, 540, top + 6)
        sheet.truth.append(truth(d))
    paper.text(
        50, top + 40, "Electronically signed by      Dr. A. Example      on 14 Oct 2026 at 10:32", points=8
    )
    paper.text(50, top + 55, "Page 1 of 1          Printed: 2026-10-14 11:00     Copies 2", points=8)
    return paper.done(sheet)


def odd_values(rng: random.Random, sheet: Sheet) -> Sheet:
    """Thousands, titres, comparators, words, names with brackets and commas."""
    paper = Paper(points=9)
    paper.letterhead(rng)
    rows = [
        ("Glucose (fasting)", str(rng.randint(70, 130)), "mg/dL", "70 - 99", None),
        ("HbA1c", f"{rng.randint(45, 79) / 10}", "%", "< 5.7", None),
        ("Creatinine, serum", "0.94", "mg/dL", "0.60 - 1.20", None),
        ("eGFR (CKD-EPI 2021)", "90", "mL/min/1.73 m2", "> 60", "> "),
        ("Platelet count", f"{rng.randint(100, 400)},000", "/uL", "150,000 - 400,000", None),
        ("WBC", "7,200", "cells/uL", "4,500 - 11,000", None),
        ("Cholesterol, Total", str(rng.randint(120, 260)), "mg/dL", "<200", None),
        ("HDL Cholesterol", "52", "mg/dL", ">= 40", None),
        ("INR", "1.1", "", "0.9 - 1.2", None),
        ("Troponin I", "0.01", "ng/mL", "0.00 - 0.04", "<"),
        ("HIV 1/2 Ab", "Non-Reactive", "", "Non-Reactive", None),
        ("ANA titer", "1:160", "", "<1:40", None),
    ]
    rng.shuffle(rows)
    for x, text in ((50, "Test"), (200, "Result"), (290, "Units"), (400, "Reference")):
        paper.text(x, 140, text, bold=True)
    for index, (name, value, unit, reference, comparator) in enumerate(rows, 1):
        for x, text in ((50, name), (200, f"{comparator or ''}{value}"), (290, unit), (400, reference)):
            paper.text(x, 140 + 15 * index, text)
        number = value.replace(",", "")
        sheet.truth.append(Truth(name, number, unit or None, comparator and comparator.strip()))
    return paper.done(sheet)


def without_heads(rng: random.Random, sheet: Sheet) -> Sheet:
    """Columns that nothing names; only analytes of the table can be told."""
    paper = Paper()
    paper.letterhead(rng)
    top = 140.0
    for d in draw(rng, 18):
        if not d.test.loinc:
            continue
        top += 15
        for x, text in (
            (50, d.test.name),
            (220, d.value),
            (270, d.flag),
            (300, d.test.unit),
            (400, f"{d.low} - {d.high}"),
        ):
            paper.text(x, top, text)
        sheet.truth.append(truth(d))
    return paper.done(sheet)


Layout = Callable[[random.Random, Sheet], Sheet]

LAYOUTS: dict[str, Layout] = {
    layout.__name__: layout
    for layout in (
        ruled, aligned, side_by_side, several_pages, decimal_comma, tight_cells, unit_in_head, cumulative, sections,
        leaders, sentences, urinalysis, column_lines, in_and_out, with_previous, cancelled_and_prose,
        transposed, striped_with_powers, french, numbered_with_bounds, odd_values, without_heads,
        reference_laboratory, between_lines,
    )
}  # fmt: skip
#: Drawn when the rules were done, and no rule was changed for them: what a layout that nobody has seen may score.
HELD_APART = ("reference_laboratory", "between_lines")


def sheet(layout: str, seed: int) -> Sheet:
    """A report of one layout; the same seed gives the same bytes."""
    return LAYOUTS[layout](random.Random(f"{layout}/{seed}"), Sheet(layout, seed))
