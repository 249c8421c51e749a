"""A DICOMweb server (PS3.18): QIDO-RS search, WADO-RS retrieval, STOW-RS storage, within limits.

Knows how each transaction is asked, in the dialects that servers have; travels by `Endpoint`, so that
credentials, time-outs, retries and errors are those of every other server. Never says what an image shows.

| asked for | `Accept` | else |
|---|---|---|
| lists, metadata | application/dicom+json | |
| an instance | multipart/related; type="application/dicom"; transfer-syntax=* | no syntax, single, any |
| frames | multipart/related; type="application/octet-stream"; transfer-syntax=* | |
| rendered | image/png | image/jpeg |
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from integration.clients import dicom_json, multipart
from integration.clients.dicom_json import Attributes
from integration.clients.endpoint import Call, Endpoint, Repeat
from integration.clients.exchange import Answer
from integration.errors import (
    AddressRefused,
    RemoteConflict,
    RemoteMissing,
    RemoteRefused,
    RemoteUnreadable,
)
from mappers.domain.imaging import InstanceRef, Series, Study

_UID: Final = re.compile(r"[0-9]+(\.[0-9]+)*")
_LONGEST_UID: Final = 64  # PS3.5 9.1
_JSON: Final = "application/dicom+json"
_DICOM: Final = "application/dicom"
_NOT_ACCEPTABLE: Final = frozenset({400, 406, 415})
_NO_CONTENT: Final = 204
#: Answers to one look; servers cap it on their own, so that further pages are asked for.
_PAGE: Final = 500
_MOST_PAGES: Final = 400
_ACCEPT_INSTANCE: Final = (
    f'multipart/related; type="{_DICOM}"; transfer-syntax=*',
    f'multipart/related; type="{_DICOM}"',
    f"{_DICOM}; transfer-syntax=*",
    "*/*",
)
_STUDY_FIELDS: Final = ("00201206", "00201208", "00081030", "00100021")
_SERIES_FIELDS: Final = ("00201209", "0008103E")
_INSTANCE_FIELDS: Final = ("00080008", "00080016", "00200013")


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of objects that were to be stored.

    Attributes:
        stored: their SOPInstanceUIDs.
        failed: SOPInstanceUID and failure reason (PS3.18 table I.2-2) of the others.
    """

    stored: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]


class DicomWeb:
    """One server, for any number of threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    @property
    def base(self) -> str:
        """Its base URL, without a slash at the end."""
        return self._endpoint.base

    def studies(self, filters: Sequence[tuple[str, str]]) -> Iterator[tuple[Study, tuple[str, str]]]:
        """Studies that match, each with its PatientID and IssuerOfPatientID.

        Args:
            filters: attribute and value as QIDO has them, ("StudyInstanceUID", "1.2").

        Raises:
            RemoteError: see `endpoint`.
        """
        for each in self._search("studies", dicom_json.STUDY_UID, filters, _STUDY_FIELDS):
            yield dicom_json.study(each), dicom_json.patient(each)

    def series(self, study: str) -> Iterator[Series]:
        """The series of a study, without their instances."""
        path = f"studies/{_uid(study)}/series"
        yield from map(dicom_json.series, self._search(path, dicom_json.SERIES_UID, (), _SERIES_FIELDS))

    def filled(self, study: str, series: Series) -> Series:
        """A series with its instances and whether they are original."""
        path = f"studies/{_uid(study)}/series/{_uid(series.uid)}/instances"
        found = tuple(self._search(path, dicom_json.SOP_UID, (), _INSTANCE_FIELDS))
        told = dicom_json.series({}, found)
        return Series(
            uid=series.uid,
            modality=series.modality,
            number=series.number,
            description=series.description,
            count=len(found),
            original=told.original,
            instances=told.instances,
        )

    def instances(self, study: str) -> tuple[InstanceRef, ...]:
        """All instances of a study."""
        path = f"studies/{_uid(study)}/instances"
        return tuple(map(dicom_json.instance, self._search(path, dicom_json.SOP_UID, (), _INSTANCE_FIELDS)))

    def metadata(self, study: str, series: str | None = None) -> tuple[Attributes, ...]:
        """All attributes but the pixels of every instance of a study or series.

        Raises:
            RemoteError: see `endpoint`.
        """
        path = f"studies/{_uid(study)}" + (f"/series/{_uid(series)}" if series else "") + "/metadata"
        call = Call(what="GET metadata", path=path, headers={"Accept": _JSON})
        return self._list(call)

    def instance(self, study: str, series: str, sop: str) -> bytes:
        """An instance as it is stored, in its own transfer syntax, as a DICOM file.

        Raises:
            RemoteMissing: it is not there.
            RemoteUnreadable: the answer is no DICOM file or is longer than allowed.
            RemoteError: see `endpoint`.
        """
        path = _instance(study, series, sop)
        parts = self._parts(self._first("GET instance", path, _ACCEPT_INSTANCE))
        if len(parts) != 1:
            raise RemoteUnreadable(f"{self._endpoint.name}: GET instance: {len(parts)} objects for one")
        return parts[0].content

    def frames(self, study: str, series: str, sop: str, numbers: Sequence[int]) -> tuple[bytes, ...]:
        """Frames of an instance as they are stored, by number from 1.

        Raises:
            RemoteError: see `endpoint`.
        """
        path = f"{_instance(study, series, sop)}/frames/{','.join(str(int(each)) for each in numbers)}"
        # Without the syntax Orthanc answers 400.
        accept = ('multipart/related; type="application/octet-stream"; transfer-syntax=*',)
        return tuple(part.content for part in self._parts(self._first("GET frames", path, accept)))

    def rendered(self, study: str, series: str, sop: str, frame: int | None = None) -> bytes:
        """An instance or a frame as the server draws it for people: PNG, or JPEG where it has no PNG.

        Raises:
            RemoteError: see `endpoint`.
        """
        frames = f"/frames/{int(frame)}" if frame is not None else ""
        path = f"{_instance(study, series, sop)}{frames}/rendered"
        parts = self._parts(self._first("GET rendered", path, ("image/png", "image/jpeg")))
        return parts[0].content if parts else b""

    def store(self, objects: Sequence[bytes]) -> Stored:
        """Store objects (DICOM files); an object that is there already is stored once.

        Raises:
            RemoteError: none of them was taken, or see `endpoint`.
        """
        digest = hashlib.sha256(b"".join(hashlib.sha256(each).digest() for each in objects)).hexdigest()
        boundary = f"wardwire-{digest[:48]}"
        kind = f'multipart/related; type="{_DICOM}"; boundary={boundary}'
        call = Call(
            what="POST studies",
            method="POST",
            path="studies",
            headers={"Content-Type": kind, "Accept": _JSON},
            content=multipart.encode(objects, boundary=boundary, media_type=_DICOM),
            # The same SOPInstanceUID twice is one object (PS3.18 10.5).
            repeat=Repeat.SAFE,
        )
        try:
            answer = self._endpoint.call(call)
        except (RemoteConflict, RemoteRefused) as error:
            told = _stored(_json(error.outcome))
            if told is None or not told.failed:
                raise
            return told
        told = _stored(_json(answer.content))
        if told is None:
            raise RemoteUnreadable(f"{self._endpoint.name}: POST studies: the answer cannot be read")
        return told

    def _search(
        self, path: str, key: str, filters: Sequence[tuple[str, str]], fields: Sequence[str]
    ) -> Iterator[Attributes]:
        """All answers over all pages; a server that knows no pages gives the same ones again."""
        what = f"GET {path.rpartition('/')[2]}?"
        seen: set[str] = set()
        for page in range(_MOST_PAGES):
            params = [*filters, *(("includefield", each) for each in fields)]
            params += (
                [("limit", str(_PAGE)), ("offset", str(page * _PAGE))] if page else [("limit", str(_PAGE))]
            )
            found = self._list(Call(what=what, path=path, params=params, headers={"Accept": _JSON}))
            new = [each for each in found if dicom_json.text(each, key) not in {*seen, ""}]
            seen.update(dicom_json.text(each, key) for each in new)
            yield from new
            if not new:
                return
        raise RemoteUnreadable(f"{self._endpoint.name}: {what}: more than {_MOST_PAGES} pages")

    def _list(self, call: Call) -> tuple[Attributes, ...]:
        answer = self._endpoint.call(call)
        if answer.status == _NO_CONTENT or not answer.content.strip():
            return ()
        found = _json(answer.content)
        if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
            raise RemoteUnreadable(f"{self._endpoint.name}: {call.what}: the answer is no list of objects")
        return tuple(found)

    def _first(self, what: str, path: str, accepts: Sequence[str]) -> Answer:
        """The answer to the first of several ways to ask that the server accepts."""
        for accept in accepts[:-1]:
            try:
                return self._endpoint.call(Call(what=what, path=path, headers={"Accept": accept}))
            except RemoteMissing:
                raise
            except RemoteRefused as error:
                if error.status not in _NOT_ACCEPTABLE:
                    raise
        return self._endpoint.call(Call(what=what, path=path, headers={"Accept": accepts[-1]}))

    def _parts(self, answer: Answer) -> tuple[multipart.Part, ...]:
        return multipart.decode(answer.headers.get("content-type", ""), answer.content)


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _stored(answer: Any) -> Stored | None:
    if not isinstance(answer, Mapping):
        return None
    stored = [
        dicom_json.text(each, dicom_json.REFERENCED_SOP)
        for each in dicom_json.items(answer, dicom_json.STORED_SEQUENCE)
    ]
    failed = [
        (dicom_json.text(each, dicom_json.REFERENCED_SOP), dicom_json.text(each, dicom_json.FAILURE_REASON))
        for each in dicom_json.items(answer, dicom_json.FAILED_SEQUENCE)
    ]
    return Stored(tuple(stored), tuple(failed))


def _instance(study: str, series: str, sop: str) -> str:
    return f"studies/{_uid(study)}/series/{_uid(series)}/instances/{_uid(sop)}"


def _uid(text: str) -> str:
    """A UID as part of a path; anything else could lead elsewhere.

    Raises:
        AddressRefused: it is none.
    """
    if len(text) > _LONGEST_UID or not _UID.fullmatch(text):
        raise AddressRefused("a study, series or instance is named by what is no UID")
    return text


def service_root(address: str) -> str:
    """The service of an Endpoint's address, which may name a study already."""
    return re.split(r"/studies(?:/|$)", address.partition("?")[0], maxsplit=1)[0].rstrip("/")
