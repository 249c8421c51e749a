"""The demo's laboratory report as PDF, in an ORU^R01: `python -m tests.support.demo_document` makes it anew.

Everything on the page is invented. The same code makes the same bytes.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

FIXTURE = Path(__file__).parents[2] / "fixtures" / "demo" / "6-document.hl7"
PATIENT = (("Patient", "ROSSI, Giulia Anna"), ("Date of birth", "1971-03-14"), ("Patient ID", "WW-100417"))
ORDER = (("Order No.", "FL-8803"), ("Collected", "2026-11-22 07:10"), ("Reported", "2026-11-22 11:30"))
#: Test, result, unit, reference range, flag.
RESULTS = (
    ("TSH", "2.41", "mIU/L", "0.40 - 4.00", ""),
    ("Free T4", "1.18", "ng/dL", "0.80 - 1.80", ""),
    ("Ferritin", "9", "ng/mL", "15 - 150", "L"),
    ("Vitamin B12", "312", "pg/mL", "200 - 900", ""),
)
_COLUMNS = (56, 220, 290, 370, 480)


def pdf(
    results: Sequence[tuple[str, str, str, str, str]] = RESULTS,
    *,
    patient: Sequence[tuple[str, str]] = PATIENT,
    order: Sequence[tuple[str, str]] = ORDER,
) -> bytes:
    """One page with a head and a table."""
    sheet = io.BytesIO()
    canvas = Canvas(sheet, pagesize=A4, invariant=1)
    canvas.setTitle("Laboratory report")
    _, height = A4
    canvas.setFont("Helvetica-Bold", 15)
    canvas.drawString(56, height - 64, "WARDLAB Laboratory - Report")
    canvas.setFont("Helvetica", 10)
    for column, facts in ((56, patient), (320, order)):
        for line, (label, text) in enumerate(facts):
            canvas.drawString(column, height - 96 - 15 * line, f"{label}: {text}")
    top = height - 170
    canvas.setFont("Helvetica-Bold", 10)
    for x, head in zip(_COLUMNS, ("Test", "Result", "Unit", "Reference range", "Flag"), strict=True):
        canvas.drawString(x, top, head)
    canvas.line(56, top - 5, 540, top - 5)
    canvas.setFont("Helvetica", 10)
    for line, row in enumerate(results, 1):
        for x, cell in zip(_COLUMNS, row, strict=True):
            canvas.drawString(x, top - 20 * line, cell)
    canvas.showPage()
    canvas.save()
    return sheet.getvalue()


def prose() -> bytes:
    """One page that speaks of results in sentences, which rules do not read."""
    sheet = io.BytesIO()
    canvas = Canvas(sheet, pagesize=A4, invariant=1)
    canvas.setFont("Helvetica", 11)
    for line, (label, text) in enumerate((*PATIENT, *ORDER)):
        canvas.drawString(56, 780 - 16 * line, f"{label}: {text}")
    canvas.drawString(
        56, 640, "Ferritin has fallen again and stands near 9 while vitamin B12 and TSH are as in 2025."
    )
    canvas.showPage()
    canvas.save()
    return sheet.getvalue()


def message(
    content: bytes,
    *,
    control_id: str = "DEMO-0006",
    status: str = "F",
    filler: str = "FL-8803",
    sent_at: str = "20261122113100",
    tsh: str = "2.41",
) -> bytes:
    """An ORU^R01 with one discrete result and a document."""
    head = f"{filler}^LIS^2.16.840.1.113883.19.5.2^ISO"
    data = f"^application^pdf^Base64^{base64.b64encode(content).decode('ascii')}" if content else ""
    at = "20261122071000+0100"
    header = f"MSH|^~\\&|LIS|WARDLAB|WARDWIRE|WARDHOSP|{sent_at}+0100||ORU^R01^ORU_R01|{control_id}|T|2.5.1"
    order = f"OBR|1|PL-7002^EHR|{head}|24348-5^Thyroid panel^LN|||{at}|||||||||||||||{sent_at}+0100||CH|F"
    result = f"OBX|1|NM|3016-3^Thyrotropin^LN||{tsh}|m[IU]/L^^UCUM|0.40-4.00|N|||F|||{at}"
    lines = (
        f"{header}||||||UNICODE UTF-8",
        "PID|1||WW-100417^^^WARDHOSP&2.16.840.1.113883.19.5.1&ISO^MR||Rossi^Giulia^Anna^^^^L||19710314|F",
        "PV1|1|I|MED3^312^B^WARDHOSP||||||||||||||||V-20261^^^WARDHOSP&2.16.840.1.113883.19.5.1&ISO^VN",
        f"ORC|RE|PL-7002^EHR|{head}",
        order,
        result,
        f"OBX|2|ED|11502-2^Laboratory report^LN||{data}||||||{status}|||{at}",
    )
    return "".join(f"{line}\r" for line in lines).encode()


if __name__ == "__main__":
    FIXTURE.write_bytes(message(pdf()))
