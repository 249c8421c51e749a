"""From a study on a server to pictures that a task may read: which, fetched, decoded, and whose they are.

| an image | is |
|---|---|
| of no original acquisition (`imaging_choice`), or of another modality than the first | left out |
| beyond the number that is read | left out, and said in the coverage |
| whose header names another patient, study or order (`imaging_checks`) | the end: nothing is read |
| that cannot be decoded | left out, and said |
| of another body part than the first | left out, and said |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from inference.errors import InputRefused
from inference.media import dicom
from inference.media.dicom import DicomImage
from inference.tasks.evidence import Still
from integration.flows.imaging_ports import ImageServer
from mappers.domain import imaging_checks, imaging_choice
from mappers.domain.findings import Source, SourceKind
from mappers.domain.imaging import InstanceRef, Series
from mappers.domain.imaging_checks import OnFile
from mappers.domain.issues import Issue, IssueCode, Severity

DICOM = "application/dicom"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The images of one study that may be read.

    Attributes:
        images: decoded and checked.
        total: images of the study that could have been read.
        left_out: why others were not, for people.
        mismatches: contradictions with what is on file; then there are no images.
        issues: doubts about the patient, and what could not be decoded.
    """

    images: tuple[DicomImage, ...] = field(default=())
    total: int = 0
    left_out: tuple[str, ...] = field(default=())
    mismatches: tuple[Issue, ...] = field(default=())
    issues: tuple[Issue, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Listed:
    """What a server has of a study, as far as it can be read.

    Attributes:
        instances: with the UID of their series, in the order in which they are read.
    """

    modality: str
    instances: tuple[tuple[str, InstanceRef], ...]
    left_out: tuple[str, ...]


def listed(server: ImageServer, study: str) -> Listed:
    """The images of a study, without fetching one.

    Raises:
        RemoteError: the server does not answer, or not as it should.
    """
    first = imaging_choice.choose(server.series(study))
    modality = first.series[0].modality if first.series else ""
    lane = [server.filled(study, each) for each in first.series if each.modality == modality]
    chosen = imaging_choice.choose(lane)
    others = sorted({each.modality for each in first.series} - {modality})
    left_out = [*first.left_out, *chosen.left_out, *(f"images of modality {each}" for each in others)]
    return Listed(modality, tuple(images_of(chosen.series)), tuple(left_out))


def images_of(series: Sequence[Series]) -> list[tuple[str, InstanceRef]]:
    """The images of some series with the UID of their series, in order; raw data beside others left out."""
    found = [
        (each.uid, instance)
        for each in series
        for instance in sorted(each.instances, key=lambda one: (one.number is None, one.number or 0, one.uid))
        if imaging_choice.is_image_class(instance.sop_class)
    ]
    shown = [each for each in found if not imaging_choice.is_for_processing(each[1].sop_class)]
    return shown or found


def gather(server: ImageServer, study: str, of: Listed, *, on_file: OnFile, most: int) -> Gathered:
    """Fetch and decode the first images of a study and compare each with what is on file.

    Raises:
        RemoteError: the server does not answer, or not as it should.
        ReaderMissing: what decodes images is not installed.
    """
    taken = of.instances[:most]
    contents = [server.instance(study, series, each.uid) for series, each in taken]
    return examined(dicom.read_all(contents), on_file=on_file, total=len(of.instances), left_out=of.left_out)


def examined(
    read: Sequence[DicomImage | InputRefused],
    *,
    on_file: OnFile | None,
    total: int,
    left_out: Sequence[str] = (),
) -> Gathered:
    """What may be read of decoded images.

    Args:
        read: as they were decoded, or refused.
        on_file: what they are compared with; None compares nothing (a file on somebody's own disk).
        total: images that there are.
        left_out: why others were not taken.
    """
    images = [each for each in read if isinstance(each, DicomImage)]
    refused = [each for each in read if isinstance(each, InputRefused)]
    checks = [imaging_checks.check(each.header, on_file) for each in images] if on_file else []
    mismatches = tuple(issue for each in checks for issue in each.mismatches)
    if mismatches:
        return Gathered(total=total, mismatches=tuple(dict.fromkeys(mismatches)))
    first = images[0].header.body_part if images else ""
    same = [each for each in images if each.header.body_part == first]
    others = len(images) - len(same)
    return Gathered(
        images=tuple(same),
        total=total,
        left_out=(*left_out, *([f"{others} images of another body part"] if others else [])),
        issues=tuple(
            dict.fromkeys(
                (*(issue for each in checks for issue in each.doubts), *map(_undecoded, refused)),
            )
        ),
    )


def _undecoded(refused: InputRefused) -> Issue:
    return Issue(Severity.WARNING, IssueCode.NOT_SUPPORTED, "", f"an image was not read: {refused}")


def stills(images: Sequence[DicomImage], *, reference: str, role: str = "current") -> tuple[Still, ...]:
    """Images as tasks take them, one for each frame.

    Args:
        images: decoded.
        reference: of the study in our store; "" for a bare file.
        role: "current" or "prior".
    """
    return tuple(
        Still(
            png=frame.png,
            source=Source(
                kind=SourceKind.IMAGE,
                sha256=image.sha256,
                media_type=DICOM,
                reference=reference,
                role=role,
                study_uid=image.header.study or None,
                series_uid=image.header.series or None,
                sop_instance_uid=image.header.sop or None,
                frames=(frame.number,) if image.header.frames > 1 else (),
                rendering=frame.rendering,
            ),
            columns=frame.width,
            rows=frame.height,
            frame=frame.number,
            view=image.header.view,
            body_part=image.header.body_part,
        )
        for image in images
        for frame in image.frames
    )
