"""Judged reports for tests: a radiograph, a comparison of two, a dictation, and what was not read."""

from __future__ import annotations

from mappers.domain.attribution import ModelCard, ModelRun
from mappers.domain.coding import LOINC, SNOMED_CT, Coding, Concept
from mappers.domain.findings import (
    AudioInterval,
    Finding,
    GuardOutcome,
    GuardVerdict,
    ImageRegion,
    JudgedReport,
    Presence,
    Section,
    Sentence,
    Side,
    Source,
    SourceKind,
    SpokenWord,
    TextQuote,
    Transcription,
)
from mappers.domain.times import Moment

IMAGE, TEXT, AUDIO = "a1" * 32, "a2" * 32, "a3" * 32
SOP = "1.2.826.0.1.3680043.8.498.5"
IMAGING = Concept((Coding("18748-4", LOINC, "Diagnostic imaging study"),))
RADIOLOGY = (
    Concept((Coding("LP29684-5", LOINC, "Radiology"),)),
    Concept((Coding("RAD", "http://terminology.hl7.org/CodeSystem/v2-0074", "Radiology"),)),
)
EFFUSION = Concept((Coding("60046008", SNOMED_CT, "Pleural effusion"),), "Pleural effusion")
PNEUMOTHORAX = Concept((Coding("36118008", SNOMED_CT, "Pneumothorax"),), "Pneumothorax")


def run(task: str = "radiograph", *, demonstration: bool = False, model: str = "google/medgemma-1.5-4b-it"):
    return ModelRun(
        task=task, task_version="1",
        card=ModelCard(
            id=model, revision="abc", weights_digest="12" * 32, backend="scripted", demonstration=demonstration
        ),
        prompt_digest="34" * 32, input_digest="56" * 32, output_digest="78" * 32,
        started=Moment("2026-11-22T09:00:02Z"), ended=Moment("2026-11-22T09:00:05Z"),
        parameters={"max_new_tokens": 500, "do_sample": False},
    )  # fmt: skip


def region(box=(100.0, 400.5, 300.0, 900.0)) -> ImageRegion:
    return ImageRegion(
        sha256=IMAGE, box=box, columns=1955, rows=1841, sop_instance_uid=SOP, said="[217, 51, 488, 153]"
    )


EFFUSION_FOUND = Finding(
    name="Pleural effusion", presence=Presence.PRESENT, code=EFFUSION, key="pleural-effusion", side=Side.LEFT,
    site=Concept(text="left costophrenic angle"), words="Small left pleural effusion.", places=(region(),),
)  # fmt: skip
NO_PNEUMOTHORAX = Finding(
    name="Pneumothorax",
    presence=Presence.ABSENT,
    code=PNEUMOTHORAX,
    key="pneumothorax",
    words="No pneumothorax.",
)
NODULES = Finding(
    name="Nodules", presence=Presence.UNCERTAIN, code=Concept(text="Nodules"),
    places=(region(), region((1000.0, 100.0, 1100.0, 200.0))),
)  # fmt: skip
SOURCE = Source(
    kind=SourceKind.IMAGE, sha256=IMAGE, media_type="application/dicom", reference="ImagingStudy/i1", study_uid="1.2.3",
    sop_instance_uid=SOP, frames=(1,), rendering="modality LUT, full range",
)  # fmt: skip
MATCHES = GuardVerdict(
    guard="image-matches-claim", outcome=GuardOutcome.RECORDED, reason="no threshold is set",
    scores={"chest radiograph": "0.93", "knee radiograph": "0.02"}, run=run("claim", model="google/medsiglip-448"),
)  # fmt: skip


def radiograph(*findings: Finding, **more) -> JudgedReport:
    sections = (
        Section(
            key="findings", title="Findings", code=Concept((Coding("59776-5", LOINC, "Procedure findings"),)),
            sentences=(
                Sentence(text="Small left pleural effusion.", places=(region(),)), Sentence(text="No pneumothorax."),
            ),
        ),
        Section(key="impression", title="Impression", sentences=(Sentence(text="Left effusion."),)),
    )  # fmt: skip
    parts = {
        "task": "radiograph@1", "title": "Chest radiograph", "code": IMAGING, "category": RADIOLOGY, "sources": (SOURCE,),
        "coverage": "1 of 1 images", "sections": sections, "runs": (run(),), "verdicts": (MATCHES,),
        "effective": Moment("2026-11-22T08:00:00+01:00"),
    }  # fmt: skip
    return JudgedReport(findings=findings or (EFFUSION_FOUND, NO_PNEUMOTHORAX), **{**parts, **more})


def dictation(**more) -> JudgedReport:
    spoken = Transcription(
        raw="no pneumothorax {period}", text="no pneumothorax.", duration=2.5, run=run("dictation", model="google/medasr"),
        words=(SpokenWord(text="no", start=0.1, end=0.3, posterior=0.98), SpokenWord(text="pneumothorax", start=0.4, end=1.2)),
    )  # fmt: skip
    heard = AudioInterval(sha256=AUDIO, start=0.1, end=1.2, quote="no pneumothorax")
    source = Source(kind=SourceKind.RECORDING, sha256=AUDIO, media_type="audio/wav", reference="Media/m1")
    section = Section(
        key="findings", title="Findings", sentences=(Sentence(text="No pneumothorax.", places=(heard,)),)
    )
    parts = {
        "task": "dictation@1", "title": "Dictated report", "code": IMAGING, "category": RADIOLOGY, "sources": (source,),
        "coverage": "2.5 of 2.5 seconds", "sections": (section,), "runs": (run("dictation"),), "transcription": spoken,
    }  # fmt: skip
    return JudgedReport(**{**parts, **more})


def quoted() -> Finding:
    quote = TextQuote(sha256=TEXT, start=3, end=15, quote="pneumothorax")
    return Finding(name="Pneumothorax", presence=Presence.ABSENT, code=PNEUMOTHORAX, places=(quote,))


def unread() -> JudgedReport:
    return JudgedReport(
        task="radiograph@1", title="Chest radiograph", code=IMAGING, category=RADIOLOGY, sources=(SOURCE,), coverage="",
        not_read="not read: no model",
    )  # fmt: skip
