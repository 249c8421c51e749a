"""Files that nobody should trust: refused with a reason, or read with a notice; never believed, never fatal."""

from __future__ import annotations

import io
import subprocess
import sys
from functools import partial

import pytest
from PIL import Image

from inference.errors import InputRefused, Refusal
from inference.media import image, pdf, sandbox
from inference.media.pdf import PdfLimits
from inference.media.sandbox import Limits
from inference.tasks import lab_report
from mappers.domain.channels import Channel
from mappers.domain.extraction import ExtractedReport
from mappers.hl7v2.units import ucum_code
from tests.support import hostile_pdfs as hostile

TERMS = lab_report.Terms(ucum=partial(ucum_code, channel=Channel("test")))


def read(content: bytes, limits: PdfLimits = pdf.DEFAULT) -> ExtractedReport:
    return lab_report.read(lab_report.document_of(content), terms=TERMS, limits=limits)


def values(report: ExtractedReport) -> list[tuple[str, str]]:
    return [(row.name, row.printed) for row in report.rows]


ONLY_POTASSIUM = [("Potassium", "4.1")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (hostile.plain()[: len(hostile.plain()) // 3], Refusal.CORRUPT),
        (b"%PDF-1.7\nnothing of this is true", Refusal.CORRUPT),
        (b"%PDF-1.7\n" + bytes(range(256)) * 50, Refusal.CORRUPT),
        (hostile.encrypted(user="secret"), Refusal.ENCRYPTED),
        (b"PK\x03\x04" + b"\0" * 40, Refusal.UNSUPPORTED),
        (b"\0\1\2\3", Refusal.UNSUPPORTED),
        (b"", Refusal.UNSUPPORTED),
        (b"\x89PNG\r\n\x1a\nbroken", Refusal.CORRUPT),
        (hostile.decompression_bomb(500_000_000), Refusal.TOO_COSTLY),
    ],
    ids=["truncated", "no-objects", "noise", "password", "zip", "bytes", "empty", "png", "bomb"],
)
def test_what_cannot_be_read_is_refused(content: bytes, reason: Refusal) -> None:
    """Each with the reason why, in words that quote nothing of it."""
    limits = PdfLimits(process=Limits(seconds=20, memory_bytes=500 * 2**20))

    with pytest.raises(InputRefused) as refused:
        read(content, limits)

    assert reason is refused.value.reason


@pytest.mark.parametrize("how", ["white", "invisible", "covered", "tiny", "outside", "transparent"])
def test_hidden_text_is_not_read_and_is_reported(how: str) -> None:
    """The page shows potassium; what only the text layer says is no result."""
    report = read(hostile.hidden_text(how))

    assert ONLY_POTASSIUM == values(report)
    assert any("cannot be seen" in issue.text for issue in report.issues)


def test_white_text_on_a_dark_ground_is_read() -> None:
    """Hidden is what cannot be seen, not what is white."""
    page, stream = hostile.canvas()
    page.rect(0, 600, 595, 200, fill=1)
    page.setFillGray(1)
    hostile.table(page, [hostile.POTASSIUM])
    page.save()

    assert ONLY_POTASSIUM == values(read(stream.getvalue()))


@pytest.mark.parametrize(
    ("content", "notice"),
    [
        (hostile.with_form(), "form fields"),
        (hostile.with_javascript(), "JavaScript"),
        (hostile.with_attachment(), "attachments"),
        (hostile.encrypted(user=""), "encrypted"),
        (hostile.without_unicode_map(), "without a character map"),
    ],
    ids=["form", "javascript", "attachment", "owner-password", "no-unicode-map"],
)
def test_what_a_file_carries_beside_its_page_is_noticed(content: bytes, notice: str) -> None:
    """The page is read, the rest is named and left alone."""
    report = read(content)

    assert ONLY_POTASSIUM == values(report)
    assert any(notice in issue.text for issue in report.issues)


def test_orders_in_the_text_are_text() -> None:
    """A sentence that tells a model what to report is a sentence."""
    assert ONLY_POTASSIUM == values(read(hostile.injection()))


def test_of_500_pages_the_first_are_read() -> None:
    """The rest is counted, and the coverage says so."""
    report = read(hostile.many_pages(500), PdfLimits(pages=3))

    assert ((1, 2, 3), 500, "pages 1–3 of 500") == (report.pages_read, report.pages_total, report.coverage)
    assert any("3 of 500 pages" in issue.text for issue in report.issues)


def test_ten_thousand_objects_are_read() -> None:
    """A page full of dots is slow, not strange."""
    assert [("Potassium", "4.1"), ("Sodium", "140")] == values(read(hostile.many_objects(10_000)))


def test_a_page_over_the_limit_of_objects_is_not_read() -> None:
    """And the report says that it was not."""
    report = read(hostile.many_objects(10_000), PdfLimits(objects=5_000))

    assert ([], ()) == (values(report), report.pages_read)
    assert any("more objects" in issue.text for issue in report.issues)


def test_a_form_that_draws_itself_ends() -> None:
    """Endless recursion is cut off inside the parsing process."""
    try:
        report = read(hostile.recursion(), PdfLimits(process=Limits(seconds=20)))
    except InputRefused:
        return
    assert [] == values(report)


def test_processor_time_is_bounded() -> None:
    """A file that would take minutes takes the seconds that it is given."""
    with pytest.raises(InputRefused) as refused:
        pdf.read(hostile.endless(3_000_000), limits=PdfLimits(objects=10**9, process=Limits(seconds=2)))

    assert Refusal.TOO_COSTLY is refused.value.reason


def test_a_picture_called_pdf_is_a_picture() -> None:
    """Content decides: it is read as a picture, or said to be one that nobody can read here."""
    stream = io.BytesIO()
    Image.new("RGB", (300, 200), "white").save(stream, "PNG")

    report = read(stream.getvalue())

    assert "image/png" == report.document.media_type
    assert [] == values(report)


def test_a_picture_with_too_many_pixels_is_refused() -> None:
    """By its header, before it is unpacked."""
    stream = io.BytesIO()
    Image.new("1", (9000, 9000)).save(stream, "PNG")

    with pytest.raises(InputRefused) as refused:
        image.read(stream.getvalue(), pixels=1_000_000)

    assert Refusal.TOO_LARGE is refused.value.reason


@pytest.mark.parametrize(
    "deed",
    [
        "import socket; socket.socket()",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.system('true')",
        "import os; os.fork()",
        "open('/tmp/wardwire-must-not-exist', 'w')",
        "import os; os.remove('/tmp/wardwire-must-not-exist')",
    ],
)
def test_the_parsing_process_may_not(deed: str) -> None:
    """Open sockets, start programs, write or remove files: whatever a parser is led to do."""
    code = (
        "import sys; from inference.media import child\n"
        "child._bind({'seconds': 5, 'memory_bytes': 2**30, 'output_bytes': 9})\n"
        f"sys.addaudithook(child._forbid)\ntry:\n    exec({deed!r})\nexcept PermissionError:\n    print('stopped')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "stopped\n" == done.stdout


def test_the_parsing_process_sees_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the parent stays with the parent."""
    monkeypatch.setenv("WARDWIRE_SECRET", "marker")

    printed = sandbox.program(["env"], b"", limits=Limits(seconds=10))

    assert b"PATH=" in printed
    assert b"marker" not in printed
