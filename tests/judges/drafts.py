"""Drafts as FHIR, for the judges: of documents, of every kind of value, taken back, leaving; and judgements."""

from __future__ import annotations

from pathlib import Path

from mappers.fhir import departure, extracted_bundle, r4
from mappers.fhir.result_bundle import WrittenBundle
from mappers.fhir.review_task import Asked
from mappers.fhir.whose import Whose
from tests.mappers.fhir import test_extracted_bundle as given
from tests.mappers.fhir import test_judged_bundle as judged


def write_drafts(folder: Path) -> None:
    """Write one resource a file into `folder`."""
    drafts = given.made(*given.ALL, model_run=given.RUN)
    kept = [entry.resource for entry in drafts.entries if not entry.once]
    written: dict[str, WrittenBundle] = {
        "draft": drafts,
        "nobody": given.made(*given.ALL, whose=Whose()),
        "question": extracted_bundle.write_question(
            Asked(focus=given.DOCUMENT, reasons=("not read",)),
            reading=given.reading(source=None),
            whose=given.WHOSE,
        ),
        "retraction": extracted_bundle.retract(
            kept, reading=given.reading(), whose=given.WHOSE, reason="the sender withdrew the document"
        ),
    }
    for name, report in judged.ALL.items():
        for document in ("ImagingStudy/i1", "Media/m1", "DocumentReference/d1"):
            key = f"judged-{name}-{document.partition('/')[0]}"
            written[key] = judged.made(report, document=document, source=given.SOURCE)
    for name, bundle in written.items():
        for number, entry in enumerate(bundle.entries):
            (folder / f"{name}-{number:02}.json").write_bytes(r4.encode(entry.resource))
            # As it leaves for another server: what is not there is named, what is there is theirs.
            left = departure.depart(entry.resource, {given.DOCUMENT: {"reference": "DocumentReference/77"}})
            (folder / f"{name}-{number:02}-left.json").write_bytes(r4.encode(left))
