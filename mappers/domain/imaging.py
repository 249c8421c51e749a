"""Imaging: studies as a sender names them, and what the header of one image says. Standard library only.

Words are DICOM's (PS3.6): `StudyInstanceUID` becomes `study`. An image's header and a study resource are two
witnesses; `imaging_checks` compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from mappers.domain.coding import Coding, Concept
from mappers.domain.documents import Document, DocumentLink
from mappers.domain.identifiers import Identifier, Identity
from mappers.domain.times import Moment

#: System of DICOM UIDs as identifiers (FHIR R4 ImagingStudy.identifier).
DICOM_UID: Final = "urn:dicom:uid"
#: System of DICOM's own codes.
DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where images can be had.

    Attributes:
        connection: code of endpoint-connection-type, "dicom-wado-rs".
        address: as given; a study's own path may stand at its end already.
        status: FHIR endpoint-status; "" when not said.
    """

    connection: str
    address: str
    status: str = ""


@dataclass(frozen=True, slots=True)
class InstanceRef:
    """One object of a series.

    Attributes:
        uid: SOPInstanceUID.
        sop_class: SOPClassUID; "" when not said.
        number: InstanceNumber.
    """

    uid: str
    sop_class: str = ""
    number: int | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A series of a study.

    Attributes:
        uid: SeriesInstanceUID.
        modality: DICOM modality, "CR"; "" when not said.
        count: of its instances as said; the list may be shorter.
        original: False where its images say that they were derived; None when nothing is said.
    """

    uid: str
    modality: str = ""
    number: int | None = None
    description: str | None = None
    body_site: Concept | None = None
    laterality: Concept | None = None
    started: Moment | None = None
    count: int | None = None
    original: bool | None = None
    instances: tuple[InstanceRef, ...] = field(default=())
    endpoints: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study as a FHIR server has it (ImagingStudy).

    Attributes:
        uid: StudyInstanceUID.
        status: FHIR imagingstudy-status.
        subject: reference to the patient, as the server writes it.
        accession: AccessionNumber with its assigner.
        based_on: references to orders, as the server writes them.
        endpoints: references to Endpoint resources, as the server writes them.
        source: URL that it was read from; "" for what was not read from a server.
    """

    uid: str
    status: str
    subject: str | None
    identifiers: tuple[Identifier, ...] = field(default=())
    accession: Identifier | None = None
    modalities: tuple[Coding, ...] = field(default=())
    started: Moment | None = None
    description: str | None = None
    procedures: tuple[Concept, ...] = field(default=())
    reasons: tuple[Concept, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())
    based_on: tuple[str, ...] = field(default=())
    encounter: str | None = None
    endpoints: tuple[str, ...] = field(default=())
    series: tuple[Series, ...] = field(default=())
    series_count: int | None = None
    instance_count: int | None = None
    source: str = ""

    @property
    def identity(self) -> Identity:
        """The same study, whichever server speaks of it."""
        return Identity("ImagingStudy", (DICOM_UID, self.uid))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageHeader:
    """What the header of one DICOM object says of itself and of its patient. "" and 0 stand for nothing said.

    Attributes:
        patient_ids: (PatientID, IssuerOfPatientID) and those of OtherPatientIDsSequence; issuers may be "".
        birth_date: FHIR date, "" when not said.
        sex: PatientSex as sent.
        position: ImagePositionPatient, orientation: ImageOrientationPatient; empty when not said.
        spacing: PixelSpacing, else ImagerPixelSpacing, (row, column) in mm.
        frames: NumberOfFrames, 1 where not said.
        codes: ProcedureCodeSequence as (code, scheme).
    """

    study: str
    series: str
    sop: str
    sop_class: str
    transfer_syntax: str
    modality: str
    patient_ids: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    birth_date: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)
    accession: str = field(default="", repr=False)
    accession_issuer: str = ""
    study_date: str = ""
    study_description: str = field(default="", repr=False)
    series_description: str = field(default="", repr=False)
    image_type: tuple[str, ...] = field(default=())
    body_part: str = ""
    view: str = ""
    laterality: str = ""
    codes: tuple[tuple[str, str], ...] = field(default=())
    series_number: int = 0
    instance_number: int = 0
    acquisition_number: int = 0
    rows: int = 0
    columns: int = 0
    frames: int = 1
    photometric: str = ""
    bits: int = 0
    spacing: tuple[float, ...] = field(default=())
    position: tuple[float, ...] = field(default=())
    orientation: tuple[float, ...] = field(default=())

    @property
    def derived(self) -> bool:
        """Whether it says that it was made from other images (ImageType value 1)."""
        return bool(self.image_type) and self.image_type[0] == "DERIVED"


#: Words for a body part, as people and displays have them, to DICOM's BodyPartExamined (PS3.16 annex L).
_PARTS: Final = MappingProxyType(
    {
        "chest": "CHEST", "thorax": "CHEST", "abdomen": "ABDOMEN", "ankle": "ANKLE", "ankle joint": "ANKLE",
        "clavicle": "CLAVICLE", "cervical spine": "CSPINE", "elbow": "ELBOW", "elbow joint": "ELBOW",
        "femur": "FEMUR", "finger": "FINGER", "foot": "FOOT", "forearm": "FOREARM", "hand": "HAND",
        "hip": "HIP", "hip joint": "HIP", "humerus": "HUMERUS", "knee": "KNEE", "lumbar spine": "LSPINE",
        "pelvis": "PELVIS", "rib": "RIB", "shoulder": "SHOULDER", "skull": "SKULL", "spine": "SPINE",
        "thoracic spine": "TSPINE", "wrist": "WRIST", "wrist joint": "WRIST", "skin": "SKIN",
        "skin structure": "SKIN", "retina": "RETINA", "fundus": "FUNDUS", "ocular fundus": "FUNDUS",
    }
)  # fmt: skip
#: Likewise to ViewPosition.
_VIEWS: Final = MappingProxyType(
    {
        "pa": "PA", "postero-anterior": "PA", "posteroanterior": "PA", "ap": "AP", "antero-posterior": "AP",
        "anteroposterior": "AP", "lateral": "LATERAL", "left lateral": "LL", "right lateral": "RL",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Photograph:
    """A single picture and what is said of it (Media, or an attachment).

    Attributes:
        reference: of the resource in our store that holds it.
        status: FHIR event-status.
        content: its bytes, or where they lie; None where neither is said.
        sop: SOPInstanceUID, "" where it is none.
        modality: DICOM modality, "" when not said.
        type: of the Media (image, photo), or what was ordered.
    """

    reference: str
    status: str = "completed"
    content: Document | DocumentLink | None = None
    sop: str = ""
    modality: str = ""
    type: Concept | None = None
    view: Concept | None = None
    body_site: Concept | None = None
    reasons: tuple[Concept, ...] = field(default=())
    created: Moment | None = None

    @property
    def body_part(self) -> str:
        """DICOM BodyPartExamined, where the words for the body site say one; else ""."""
        return _said(self.body_site, _PARTS)

    @property
    def view_position(self) -> str:
        """DICOM ViewPosition likewise."""
        return _said(self.view, _VIEWS)


def _said(concept: Concept | None, known: Mapping[str, str]) -> str:
    if concept is None:
        return ""
    words = [concept.text, *(word for each in concept.codings for word in (each.display, each.code))]
    found = {known[word.strip().casefold()] for word in words if word and word.strip().casefold() in known}
    return found.pop() if len(found) == 1 else ""
