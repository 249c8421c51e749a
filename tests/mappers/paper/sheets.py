"""Sheets for the tests of paper."""

from __future__ import annotations

import io
from dataclasses import replace

from PIL import Image

from mappers.domain.sheet import Fact, Marked, Passage, Picture, Results, Row, Sheet, Signed, Stage


def picture(**changes):
    """A grey picture with one box."""
    stream = io.BytesIO()
    Image.new("L", (40, 50), 60).save(stream, "PNG")
    made = Picture(
        content=stream.getvalue(), media_type="image/png", columns=400, rows=500,
        caption="Chest PA", marks=(Marked((100, 200, 200, 300), "left basal opacity"),),
    )  # fmt: skip
    return replace(made, **changes)


DRAFT = Sheet(
    title="Laboratory results read off a document",
    stage=Stage.DRAFT,
    facts=(Fact("Patient", "Rößler, Łucja"), Fact("Born", "1971-03-14")),
    warnings=("Parts of this report were written by artificial intelligence (toy 1).",),
    blocks=(
        Results(
            "Results",
            (
                Row(name="Ferritin", result="<0.50 µg/L", reference="15 - 150", flag="Low", detail="serum"),
                Row(name="TSH", result="2.410 mU/L", by_model=True),
                Row(name="Анализ", result="≥ 5", by_person=True),
            ),
        ),
        Passage("Conclusion", ("No pneumothorax. <b>Not</b> markup & more.",), by_model=True),
    ),
    pictures=(picture(),),
    notes=("Read: page 1 of 1",),
)
SIGNED = replace(
    DRAFT,
    stage=Stage.SIGNED,
    signatures=(Signed("Dr Ada Rossi", "2026-11-29 19:03:12 UTC", "reviewed and approved"),),
)
LONG = replace(
    DRAFT, blocks=(Results("Results", tuple(Row(name=f"N{n}", result=f"{n}.50 mg/L") for n in range(120))),)
)
