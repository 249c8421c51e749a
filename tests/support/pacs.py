"""A scripted image server, and a channel whose studies it has: stories of images without a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from inference.backends.scripted import ScriptedGenerator
from inference.media import dicom
from inference.runs import Help, MemoryMemo
from integration.errors import AddressRefused, RemoteMissing, RemoteUnavailable
from integration.flows.image_attachments import ImageAttachments
from integration.flows.imaging_ports import Settle, Settling
from integration.flows.imaging_tasks import Reader
from integration.flows.reading import HL7_V2
from integration.store.ids import utc_text
from integration.wiring import stores
from integration.wiring.imaging import ImageTasks, build_rules
from mappers.domain.identifiers import Identifier
from mappers.domain.imaging import ImageHeader, InstanceRef, Series, Study
from mappers.domain.times import Moment
from tests.support import dicom_files as files
from tests.support.fhir_feed import Feed

MR = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}
ACSN = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}]}
PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [{"type": MR, "system": "urn:oid:1.2.3", "value": "MRN-1"}],
    "name": [{"family": "Phantom", "given": ["Test"]}],
    "birthDate": "1970-01-01",
    "gender": "female",
}
FORM = {
    "findings": "An opacity in the right lung. No pneumothorax.",
    "impression": "Right opacity.",
    "items": [
        {"finding": "opacity", "presence": "present", "side": "right"},
        {"finding": "pneumothorax", "presence": "absent", "side": "none"},
    ],
}
BOXES = 'Final Answer: ```json[{"box_2d": [300, 200, 500, 400], "label": "opacity"}]```'
COMPARED = "The opacity in the right lung has grown since the earlier image."


@dataclass
class Pacs:
    """Holds DICOM objects and answers as a DICOMweb server would; remembers which were fetched."""

    objects: list[bytes] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    read: list[ImageHeader] = field(default_factory=list)
    down: bool = False

    def has(self, pixels: Any = None, **header: Any) -> None:
        """One more object."""
        self.objects.append(files.image(pixels, **{"PatientSex": "F", **header}))

    def _headers(self, study: str | None = None) -> list[ImageHeader]:
        if self.down:
            raise RemoteUnavailable("down")
        return [header for header, _ in self._known() if study in {None, header.study}]

    def _known(self) -> list[tuple[ImageHeader, bytes]]:
        new = self.objects[len(self.read) :]
        self.read += [each for each in dicom.headers(new) if isinstance(each, ImageHeader)] if new else []
        return list(zip(self.read, self.objects, strict=True))

    def studies(self, filters: Sequence[tuple[str, str]]):
        """QIDO-RS: by PatientID, modality, and studies before a day."""
        asked = dict(filters)
        last = asked.get("StudyDate", "-99999999").removeprefix("-")
        for header in {each.study: each for each in self._headers()}.values():
            day = header.study_date
            if header.patient_ids[0][0] == asked.get("PatientID") and day.replace("-", "") <= last:
                yield Study(uid=header.study, status="available", subject=None, started=Moment(day)), ("", "")

    def series(self, study: str):
        """QIDO-RS."""
        for header in {each.series: each for each in self._headers(study)}.values():
            yield Series(uid=header.series, modality=header.modality, number=header.series_number)

    def filled(self, study: str, series: Series) -> Series:
        """QIDO-RS."""
        own = [each for each in self._headers(study) if each.series == series.uid]
        refs = tuple(InstanceRef(each.sop, each.sop_class, each.instance_number) for each in own)
        original = any(not each.derived for each in own)
        return replace(series, instances=refs, count=len(refs), original=original)

    def instances(self, study: str) -> tuple[InstanceRef, ...]:
        """QIDO-RS."""
        return tuple(InstanceRef(each.sop) for each in self._headers(study))

    def instance(self, study: str, series: str, sop: str) -> bytes:
        """WADO-RS."""
        self.fetched.append(sop)
        for header, content in self._known():
            if header.sop == sop:
                return content
        raise RemoteMissing("no such instance", status=404)


@dataclass
class Servers:
    """Of one channel: the PACS, at an address that is allowed."""

    main: Pacs | None
    allowed: dict[str, Pacs] = field(default_factory=dict)

    def at(self, address: str) -> Pacs:
        """As `ImageServers`."""
        if address not in self.allowed:
            raise AddressRefused("not listed")
        return self.allowed[address]


@dataclass
class Looked:
    """Looks at studies: settled at once, unless told otherwise."""

    settling: list[Settling] = field(default_factory=lambda: [Settling(60.0, 60.0)])
    counts: list[int] = field(default_factory=list)

    def look(self, message_id: str, instances: int) -> Settling:
        """As `Looks`."""
        self.counts.append(instances)
        return self.settling.pop(0) if len(self.settling) > 1 else self.settling[0]


Script = Sequence[Any] | Callable[..., Any]


class Radiology:
    """The channel `ehr` with a PACS and a scripted model."""

    def __init__(self, folder: Path, script: Script | None = (FORM, BOXES), **settings: Any) -> None:
        self.feed = Feed(folder, **settings)
        self.feed.server.has(PATIENT)
        self.pacs = Pacs()
        self.servers = Servers(self.pacs)
        self.looked = Looked()
        self.model = None if script is None else ScriptedGenerator(script)
        self.memo = MemoryMemo()
        self.rewire()

    def rewire(self, **routes: Any) -> None:
        """Put the stories over the scripted parts."""
        help_ = None
        if self.model is not None:
            self.model.start()
            help_ = Help(self.model, self.memo, lambda: Moment(utc_text(stores.now())))
        reader = Reader(ImageTasks(lambda _: help_), routes.get("rules", build_rules(self.feed.settings)))
        stories = dict(self.feed.reading.stories)
        stories["ImagingStudy"] = replace(
            stories["ImagingStudy"],
            servers={"ehr": self.servers},
            sources={"ehr": self.feed.server},
            settling={"ehr": Settle(seconds=10.0, give_up_s=1800.0)},
            looks=self.looked,
            reader=reader,
        )
        stories["Media"] = replace(stories["Media"], reader=reader)
        documents = stories[HL7_V2]
        pictures = [
            replace(each, reader=reader) if isinstance(each, ImageAttachments) else each
            for each in documents.readers
        ]
        stories[HL7_V2] = replace(documents, readers=tuple(pictures))
        self.feed.reading = replace(self.feed.reading, stories=stories)

    def study(self, **more: Any) -> dict[str, Any]:
        """An ImagingStudy as a server has it."""
        return {
            "resourceType": "ImagingStudy",
            "id": "s1",
            "status": "available",
            "identifier": [
                {"system": "urn:dicom:uid", "value": f"urn:oid:{files.STUDY}"},
                {"type": ACSN, "value": "ACC-1"},
            ],
            "subject": {"reference": "Patient/p1"},
            "started": "2026-11-22",
            "numberOfInstances": 1,
            **more,
        }

    def arrives(self, **more: Any) -> None:
        """The study is notified and worked through."""
        self.feed.changed(self.study(**more))

    def reasons(self) -> list[str]:
        """What the Tasks ask, newest first."""
        return [
            each.get("description", "") for each in self.feed.all("Task") if each["status"] == "requested"
        ]

    def close(self) -> None:
        """Let go of the store."""
        self.feed.store.database.close()


def accession(value: str = "ACC-1") -> Identifier:
    """An accession number without assigner."""
    return Identifier(value)
