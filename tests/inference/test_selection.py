"""Which task reads what: the whole table, and what is not read."""

from __future__ import annotations

import pytest

from inference.selection import Evidence, Reason, Selected, select, task_for


@pytest.mark.parametrize(
    ("evidence", "task"),
    [
        (Evidence("application/pdf"), "lab_report"),
        (Evidence("application/pdf", report="LAB"), "lab_report"),
        (Evidence("application/pdf", report="RAD"), None),
        (Evidence("image/png", report="CH"), "lab_report"),
        (Evidence("image/png"), None),
        (Evidence("text/plain", report="HM"), "lab_report"),
        (Evidence("application/pdf", report="LAB", modality="CR"), None),
        (Evidence("application/octet-stream", report="LAB"), None),
    ],
)
def test_the_task_follows_from_the_evidence(evidence: Evidence, task: str | None) -> None:
    """A laboratory's document is a lab report; a picture of anything is not."""
    assert task == task_for(evidence)


def _image(modality: str, **more: object) -> Evidence:
    return Evidence("application/dicom", modality=modality, **more)  # type: ignore[arg-type]


STORAGE = "1.2.840.10008.5.1.4.1.1."


@pytest.mark.parametrize(
    ("evidence", "selected"),
    [
        (_image("CR", body_part="CHEST"), Selected("radiograph")),
        (_image("dx", body_part="Chest"), Selected("radiograph")),
        (_image("DX", codes=("36643-5",)), Selected("radiograph")),
        (_image("DX", codes=("399208008", "1234-5"), body_part="CHEST"), Selected("radiograph")),
        (_image("DX", body_part="KNEE", sop_class=f"{STORAGE}1.1"), Selected("radiograph")),
        (_image("DX", body_part="CHEST", view="PA", prior=True), Selected("comparison")),
        (_image("DX", body_part="CHEST", view="LL", prior=True), Selected("radiograph")),
        (_image("DX", body_part="CHEST", prior=True), Selected("radiograph")),
        (_image("DX", body_part="KNEE", view="AP", prior=True), Selected("radiograph")),
        (_image("DX"), Selected(None, Reason.BODY_PART_UNKNOWN)),
        (_image("DX", codes=("24627-2",)), Selected(None, Reason.BODY_PART_UNKNOWN)),
        (_image("DX", body_part="KNEE", codes=("36643-5",)), Selected(None, Reason.CONTRADICTORY)),
        (_image("DX", body_part="WHOLEBODY"), Selected(None, Reason.UNSUPPORTED_BODY_PART)),
        (_image("DX", body_part="CHEST", sop_class=f"{STORAGE}1.1.1"), Selected(None, Reason.UNSUPPORTED_SOP_CLASS)),
        (_image("DX", body_part="CHEST", frames=12), Selected(None, Reason.MULTI_FRAME)),
        (_image("XC", body_part="SKIN"), Selected("dermatology")),
        (_image("XC"), Selected(None, Reason.CONTENT_UNKNOWN)),
        (_image("XC", body_part="HAND"), Selected(None, Reason.UNSUPPORTED_BODY_PART)),
        (_image("DMS"), Selected("dermatology")),
        (_image("OP", body_part="RETINA"), Selected("fundus")),
        (_image("OP"), Selected(None, Reason.CONTENT_UNKNOWN)),
        (_image("OP", body_part="CORNEA"), Selected(None, Reason.UNSUPPORTED_BODY_PART)),
        (_image("GM", sop_class=f"{STORAGE}77.1.2"), Selected("pathology_patch")),
        (_image("SM", sop_class=f"{STORAGE}77.1.6"), Selected(None, Reason.UNSUPPORTED_SOP_CLASS)),
        (_image("SM"), Selected(None, Reason.UNSUPPORTED_SOP_CLASS)),
        (_image("SR", body_part="CHEST"), Selected(None, Reason.NO_IMAGE)),
        (_image("SEG"), Selected(None, Reason.NO_IMAGE)),
        (_image("MG", body_part="BREAST"), Selected(None, Reason.UNSUPPORTED_MODALITY)),
        (_image("US"), Selected(None, Reason.UNSUPPORTED_MODALITY)),
        (Evidence("text/plain", report="RAD"), Selected("report_text")),
        (Evidence("text/plain", report="SP"), Selected("report_text")),
        (Evidence("image/jpeg"), Selected(None, Reason.CONTENT_UNKNOWN)),
        (Evidence("video/mp4"), Selected(None, Reason.UNSUPPORTED_MEDIA)),
    ],
)  # fmt: skip
def test_images_are_read_only_where_it_is_plain_what_they_are(evidence: Evidence, selected: Selected) -> None:
    """A task, or the reason why there is none: an unknown body part is not taken for a chest."""
    assert selected == select(evidence)
