"""Images on a disk as evidence: DICOM files, a folder with one study, or pictures. Stores nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from inference.errors import InputRefused, Refusal
from inference.media import dicom, image
from inference.media.dicom import DicomImage
from inference.tasks.evidence import Still
from integration.flows import imaging_evidence
from integration.flows.imaging_tasks import Claim
from integration.flows.media import DICOM, PICTURES
from integration.flows.routing import Arrived
from mappers.domain import imaging_choice
from mappers.domain.findings import Source, SourceKind
from mappers.domain.identifiers import Identifier
from mappers.domain.imaging import ImageHeader, InstanceRef, Series
from mappers.domain.imaging_checks import OnFile
from mappers.domain.media_types import sniff

#: Of one command.
MOST_FILES: Final = 4000
MOST_IMAGES: Final = 4
_COMMAND: Final = "command"


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of pictures that do not say it themselves."""

    modality: str = ""
    body_part: str = ""
    view: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What some files hold.

    Attributes:
        images: of DICOM objects that are read; none for pictures.
        pictures: bytes and media types of pictures that are read.
        total: images that could have been read.
        left_out: why others were not, for people.
    """

    claim: Claim
    stills: tuple[Still, ...]
    total: int
    images: tuple[DicomImage, ...] = field(default=())
    pictures: tuple[tuple[bytes, str], ...] = field(default=(), repr=False)
    left_out: tuple[str, ...] = field(default=())


def load(paths: Sequence[Path], *, said: Said, role: str = "current", like: Files | None = None) -> Files:
    """The images of some files or folders.

    Args:
        paths: files, or folders that are searched.
        said: what is said of pictures.
        role: "current" or "prior".
        like: what they are compared with: of another patient they are refused.

    Raises:
        InputRefused: nothing in them is an image, one of several studies has to be named, or another patient.
    """
    found = [(path.read_bytes(), path) for path in _files(paths)]
    kinds = [(content, sniff(content)) for content, _ in found]
    objects = [content for content, kind in kinds if kind == DICOM]
    if objects:
        return _study(objects, role=role, like=like)
    pictures = [(content, kind) for content, kind in kinds if kind in PICTURES]
    if not pictures:
        raise InputRefused(Refusal.UNSUPPORTED, "no DICOM object, PNG or JPEG is among the files")
    return _pictures([(content, kind or "") for content, kind in pictures], said, role=role)


def _files(paths: Sequence[Path]) -> list[Path]:
    listed = [each for path in paths for each in _within(path)]
    if len(listed) > MOST_FILES:
        raise InputRefused(Refusal.TOO_LARGE, f"more than {MOST_FILES} files")
    return listed


def _within(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(each for each in path.rglob("*") if each.is_file())
    else:
        yield path


def _study(objects: list[bytes], *, role: str, like: Files | None) -> Files:
    known = [
        (header, content)
        for header, content in zip(dicom.headers(objects), objects, strict=True)
        if isinstance(header, ImageHeader)
    ]
    if not known and len(objects) == 1:
        dicom.read(objects[0])  # says why
    if len({header.study for header, _ in known}) > 1:
        raise InputRefused(Refusal.UNSUPPORTED, "the files are of several studies: name those of one")
    bytes_of = {header.sop: content for header, content in known}
    listed, left_out = _listed([header for header, _ in known])
    if not listed:
        text = "; ".join(left_out) or "no object in the files is an image"
        raise InputRefused(Refusal.UNSUPPORTED, text)
    read = dicom.read_all([bytes_of[header.sop] for header in listed[:MOST_IMAGES]])
    refused = [each for each in read if isinstance(each, InputRefused)]
    if len(refused) == len(read):
        raise refused[0]
    gathered = imaging_evidence.examined(read, on_file=_on_file(like), total=len(listed), left_out=left_out)
    if gathered.mismatches:
        raise InputRefused(Refusal.UNSUPPORTED, f"another patient: {gathered.mismatches[0].text}")
    header = gathered.images[0].header
    claim = Claim.of(channel=_COMMAND, message_type="ImagingStudy", modality=header.modality, header=header)
    return Files(
        claim=claim,
        stills=imaging_evidence.stills(gathered.images, reference="", role=role),
        total=gathered.total,
        images=gathered.images,
        left_out=(*gathered.left_out, *(issue.text for issue in gathered.issues)),
    )


def _listed(headers: Sequence[ImageHeader]) -> tuple[list[ImageHeader], tuple[str, ...]]:
    """The headers of the images that are read, in their order, by the rules for studies on servers."""
    by_series: dict[str, list[ImageHeader]] = {}
    for header in headers:
        by_series.setdefault(header.series, []).append(header)
    series = [
        Series(
            uid=uid,
            modality=of[0].modality,
            number=of[0].series_number or None,
            count=len(of),
            original=any(not each.derived for each in of),
            instances=tuple(InstanceRef(each.sop, each.sop_class, each.instance_number) for each in of),
        )
        for uid, of in by_series.items()
    ]
    choice = imaging_choice.choose(series)
    lane = [each for each in choice.series if each.modality == choice.series[0].modality]
    order = {header.sop: header for header in headers}
    return [order[each.uid] for _, each in imaging_evidence.images_of(lane)], choice.left_out


def _on_file(like: Files | None) -> OnFile | None:
    if like is None or not like.images:
        return None
    header = like.images[0].header
    return OnFile(
        patient=tuple(Identifier(value, None, issuer or None) for value, issuer in header.patient_ids),
        birth_date=header.birth_date,
    )


def _pictures(pictures: list[tuple[bytes, str]], said: Said, *, role: str) -> Files:
    taken = pictures[:MOST_IMAGES]
    stills = tuple(_still(content, kind, said, role) for content, kind in taken)
    arrived = Arrived(
        channel=_COMMAND,
        message_type="Media",
        modality=said.modality,
        body_part=said.body_part,
        content_type=taken[0][1],
    )
    return Files(
        claim=Claim(arrived=arrived, view=said.view),
        stills=stills,
        total=len(pictures),
        pictures=tuple(taken),
    )


def _still(content: bytes, kind: str, said: Said, role: str) -> Still:
    frame = image.read(content, pages=1).frames[0]
    source = Source(
        kind=SourceKind.IMAGE,
        sha256=hashlib.sha256(content).hexdigest(),
        media_type=kind,
        role=role,
        rendering="upright, 8 bits",
    )
    return Still(
        png=frame.png,
        source=source,
        columns=frame.width,
        rows=frame.height,
        view=said.view,
        body_part=said.body_part,
    )
