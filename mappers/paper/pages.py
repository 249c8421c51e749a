"""What stands on every page of the PDF: what the sheet is, whose it is, and which page of how many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from mappers.domain.sheet import WORDS, Sheet, Stage
from mappers.paper.fonts import BOLD, REGULAR, checked

INK, SOFT, LINE = HexColor("#16211f"), HexColor("#5a6a68"), HexColor("#c9d4d2")
MARGIN = 18 * mm
_BANDS = {
    Stage.DRAFT: HexColor("#9a5b00"),
    Stage.SIGNED: HexColor("#0f6b6b"),
    Stage.AMENDED: HexColor("#0f6b6b"),
    Stage.WITHDRAWN: HexColor("#a3241c"),
}
_WATERMARKED = {Stage.DRAFT: "DRAFT", Stage.WITHDRAWN: "WITHDRAWN"}
_BAND = 7.5 * mm
_WARNING = 5.2 * mm
_TIGHTEST = 5.5


@dataclass(frozen=True, slots=True)
class Furniture:
    """The lines around the text.

    Attributes:
        warnings: below the band.
        foot: whose the sheet is.
    """

    TOP: ClassVar[float] = 33 * mm
    BOTTOM: ClassVar[float] = 18 * mm

    stage: Stage
    title: str
    warnings: tuple[str, ...]
    foot: str

    @classmethod
    def of(cls, sheet: Sheet) -> Furniture:
        """That of a sheet; the patient is the first fact.

        Raises:
            Undrawable: as `fonts.checked`.
        """
        whose = " · ".join(fact.text for fact in sheet.facts[:2])
        return cls(sheet.stage, checked(sheet.title), tuple(map(checked, sheet.warnings)), checked(whose))

    def under(self, canvas: Canvas, _document: object) -> None:
        """What lies under the text of one page."""
        if self.stage in _WATERMARKED:
            _watermark(canvas, _WATERMARKED[self.stage])

    def draw(self, canvas: Canvas, *, page: int, pages: int) -> None:
        """What stands around the text of one page."""
        width, height = A4
        canvas.saveState()
        canvas.setFillColor(_BANDS[self.stage])
        canvas.rect(0, height - _BAND, width, _BAND, stroke=0, fill=1)
        canvas.setFillColor(HexColor("#ffffff"))
        canvas.setFont(BOLD, 10)
        canvas.drawString(MARGIN, height - _BAND + 6.5, WORDS[self.stage])
        canvas.setFont(REGULAR, 9)
        canvas.drawRightString(width - MARGIN, height - _BAND + 6.5, "Wardwire")
        top = height - _BAND
        for warning in self.warnings[:3]:
            top -= _WARNING
            _warn(canvas, warning, top=top)
        canvas.setStrokeColor(LINE)
        canvas.line(MARGIN, Furniture.BOTTOM - 8, width - MARGIN, Furniture.BOTTOM - 8)
        canvas.setFillColor(SOFT)
        _fit(canvas, self.foot, x=MARGIN, y=Furniture.BOTTOM - 20, width=width - 2 * MARGIN - 150)
        canvas.setFont(REGULAR, 8)
        state = f"{self.stage.value} · page {page} of {pages}"
        canvas.drawRightString(width - MARGIN, Furniture.BOTTOM - 20, state)
        canvas.restoreState()


def _warn(canvas: Canvas, warning: str, *, top: float) -> None:
    width = A4[0]
    canvas.setFillColor(HexColor("#fdf3dc"))
    canvas.rect(0, top, width, _WARNING, stroke=0, fill=1)
    canvas.setFillColor(HexColor("#6b4300"))
    _fit(canvas, warning, x=MARGIN, y=top + 4.2, width=width - 2 * MARGIN)


def _fit(canvas: Canvas, text: str, *, x: float, y: float, width: float) -> None:
    """One line, in letters as small as it takes; what does not fit even then ends with dots."""
    size = 8.0
    while size > _TIGHTEST and stringWidth(text, REGULAR, size) > width:
        size -= 0.5
    shown = text
    while shown and stringWidth(shown, REGULAR, size) > width:
        shown = shown[:-2].rstrip("…") + "…"
    canvas.setFont(REGULAR, size)
    canvas.drawString(x, y, shown)


def _watermark(canvas: Canvas, word: str) -> None:
    canvas.saveState()
    canvas.setFillColor(HexColor("#f1ece2") if word == "DRAFT" else HexColor("#f7e6e4"))
    canvas.translate(A4[0] / 2, A4[1] / 2)
    canvas.rotate(52)
    canvas.setFont(BOLD, 120 if len(word) < 8 else 84)  # noqa: PLR2004
    canvas.drawCentredString(0, -40, word)
    canvas.restoreState()


class NumberedCanvas(Canvas):  # type: ignore[misc]
    """A canvas that knows how many pages there are when it draws what stands on each of them."""

    def __init__(self, *arguments: Any, furniture: Furniture, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._furniture = furniture
        self._done: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802  # reportlab's name
        """Keep a page until all are known."""
        self._done.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Draw what stands on every page, and end the document."""
        total = len(self._done)
        for number, state in enumerate(self._done, 1):
            self.__dict__.update(state)
            self._furniture.draw(self, page=number, pages=total)
            super().showPage()
        super().save()
