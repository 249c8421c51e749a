"""Reports as people read them: text and PDF beside the facts, and a DocumentReference with the same bytes.

`present` is pure but for the lock: the same resources give the same bytes. `Presenter` also looks up in the
store whose the report is, so that the page says it.

| a report | gets |
|---|---|
| with words that can all be drawn | text and PDF |
| with a character that the letters of the PDF lack | text alone: nothing is replaced in silence |
| with more pictures than a note may weigh | those that fit, the first ones first; the text names all |
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from integration import telemetry
from integration.errors import NotFound
from integration.store.database import Database
from integration.store.results import Results
from mappers.domain.sheet import Picture, Sheet, Signed
from mappers.fhir import presented, r4, report_sheet
from mappers.fhir.result_bundle import Entry, WrittenBundle

Node = dict[str, Any]

_LOG = telemetry.logger(__name__)
#: US Core 9, writing notes: servers take 5 MiB inline; what base64 adds stays within.
_MOST_PDF_BYTES = 3_900_000
#: reportlab keeps its fonts in one table for all threads.
_PRESS = threading.Lock()
#: References of a report to what its page names.
_NAMED = ("subject", "encounter", "basedOn", "imagingStudy", "specimen")


def present(
    entries: Sequence[Entry],
    *,
    pictures: Mapping[str, Picture] | None = None,
    context: Iterable[Node] = (),
    signatures: Sequence[Signed] = (),
    signer: Node | None = None,
) -> tuple[Entry, ...]:
    """The entries with the rendering of each DiagnosticReport among them.

    Args:
        entries: of a draft or of a signed report; one that is rendered already is rendered anew.
        pictures: that go with the report, in the order in which they are to be shown, by the UID of their
            DICOM instance (boxes of findings in it are drawn) or by any other name.
        context: resources that are not written and that the page names: patient, order, devices, Media.
        signatures: what the page says of who signed.
        signer: Reference to the last of them.
    """
    shelf = {_reference(each): each for each in (*context, *(entry.resource for entry in entries))}
    kept = [each for each in entries if not presented.is_presented(each.resource)]
    written: list[Entry] = []
    for entry in kept:
        if entry.resource["resourceType"] != "DiagnosticReport":
            written.append(entry)
            continue
        report, media = presented.with_pictures(entry.resource, tuple(_marked(pictures or {}, shelf)))
        shelf |= {_reference(each): each for each in media}
        report = _rendered(report, shelf, signatures)
        note = presented.document(report, authors=_authors(shelf), signer=signer)
        written += [replace(entry, resource=each) for each in (*media, report, note)]
    valid = [each for each in written if r4.is_valid(each.resource)]
    if len(valid) != len(written):
        _LOG.warning("report.not_rendered", code="invalid")  # our fault: the facts are filed without it
        return tuple(entries)
    return _with_targets(valid)


def _marked(pictures: Mapping[str, Picture], shelf: Mapping[str, Node]) -> Iterator[Picture]:
    """The pictures; one without boxes that goes by the UID of its instance gets those of its findings."""
    found = [each for each in shelf.values() if each["resourceType"] == "Observation"]
    for name, picture in pictures.items():
        yield picture if picture.marks else replace(picture, marks=report_sheet.marks(found, name))


def _rendered(report: Node, shelf: Mapping[str, Node], signatures: Sequence[Signed]) -> Node:
    sheet = report_sheet.read(report, shelf, signatures=signatures)
    # Imported with the first report: who only receives messages needs no letters.
    from mappers.paper import plain  # noqa: PLC0415

    return presented.with_forms(report, words=plain.write(sheet), pdf=_drawn(sheet))


def _drawn(sheet: Sheet) -> bytes | None:
    """The PDF; None where a character of the sheet cannot be drawn."""
    from mappers.paper import pdf  # noqa: PLC0415
    from mappers.paper.fonts import Undrawable  # noqa: PLC0415

    for count in range(len(sheet.pictures), -1, -1):
        try:
            with _PRESS:
                drawn = pdf.write(replace(sheet, pictures=sheet.pictures[:count]))
        except Undrawable:
            return None
        if len(drawn) <= _MOST_PDF_BYTES:
            return drawn
    return None


def _authors(shelf: Mapping[str, Node]) -> list[str]:
    """The devices that wrote the report: all that are at hand and that it can have been written by."""
    return [reference for reference, each in shelf.items() if each["resourceType"] == "Device"]


def _with_targets(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries in an order that a server can take, the Provenance of a report about its note too."""
    notes = [_reference(each.resource) for each in entries if presented.is_presented(each.resource)]
    notes += [_reference(each.resource) for each in entries if each.resource["resourceType"] == "Media"]
    reports = {_reference(e.resource) for e in entries if e.resource["resourceType"] == "DiagnosticReport"}
    found = [_about(entry, reports, notes) for entry in entries]
    # Media before the report that links to it; Provenance last.
    order = {"Media": 0, "Provenance": 2}
    return tuple(sorted(found, key=lambda each: order.get(each.resource["resourceType"], 1)))


def _about(entry: Entry, reports: set[str], notes: Sequence[str]) -> Entry:
    resource = entry.resource
    if resource["resourceType"] != "Provenance":
        return entry
    targets = [each["reference"] for each in resource["target"]]
    if not reports.intersection(targets):
        return entry
    more = [{"reference": note} for note in notes if note not in targets]
    return replace(entry, resource={**resource, "target": [*resource["target"], *more]})


def _reference(resource: Node) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


@dataclass(frozen=True, slots=True)
class Presenter:
    """Renders reports with what the store knows of whose they are."""

    database: Database
    results: Results

    def present(
        self, bundle: WrittenBundle, *, pictures: Mapping[str, Picture] | None = None
    ) -> WrittenBundle:
        """A draft with its rendering, before the transaction that stores it.

        Args:
            bundle: the draft.
            pictures: as of the function.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        resources = [entry.resource for entry in bundle.entries]
        if not any(each["resourceType"] == "DiagnosticReport" for each in resources):
            return bundle
        drawn = present(bundle.entries, pictures=pictures, context=self.context(resources))
        return replace(bundle, entries=drawn)

    def context(self, resources: Iterable[Node]) -> tuple[Node, ...]:
        """What the store has of what these reports name and do not bring along."""
        listed = list(resources)
        known = {_reference(each) for each in listed}
        wanted = [each for each in dict.fromkeys(_named(listed)) if each not in known]
        with self.database.read() as connection:
            return tuple(
                found for each in wanted if (found := current(connection, self.results, each)) is not None
            )


def _named(resources: Iterable[Node]) -> Iterator[str]:
    for each in resources:
        if each["resourceType"] != "DiagnosticReport":
            continue
        for name in _NAMED:
            nodes = each.get(name, [])
            for node in nodes if isinstance(nodes, list) else [nodes]:
                yield node.get("reference", "")
        yield from (link["link"].get("reference", "") for link in each.get("media", []))


def current(connection: Any, results: Results, reference: str) -> Node | None:
    """The current version of what a relative reference names; None where there is none."""
    kind, _, key = reference.partition("/")
    if not kind or not key:
        return None
    try:
        stored = results.read(connection, kind, key)
    except NotFound:
        return None
    return None if stored.deleted else r4.decode(stored.content)
