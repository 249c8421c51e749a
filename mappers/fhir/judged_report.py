"""DiagnosticReport of what models judged: a draft with its sections, never the sender's report.

R4 has no element for the sections of a report: they stand in an extension of our own, each sentence with the
places that it comes from (docs/fhir-extensions.md), and as text and PDF in `presentedForm`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mappers.domain.findings import JudgedReport, Section, Sentence
from mappers.domain.identifiers import Identity
from mappers.domain.times import Moment
from mappers.fhir import labels
from mappers.fhir.account import Account
from mappers.fhir.chart import NOTE, timing
from mappers.fhir.datatypes import absent, concept, concepts, pruned, text
from mappers.fhir.filing import Filing
from mappers.fhir.places import place

Node = dict[str, Any]

#: Our own (docs/fhir-extensions.md).
SECTION = "https://wardwire.org/fhir/StructureDefinition/report-section"


def write(
    report: JudgedReport, *, identity: Identity, results: Iterable[str], issued: Moment, filing: Filing
) -> Node:
    """The draft report.

    Args:
        report: what was judged.
        identity: of the draft.
        results: references of its Observations.
        issued: from when it counts, an instant.
        filing: what it shares with the rest of the draft.
    """
    account = filing.chart.account
    subject = filing.document
    kind = subject.partition("/")[0]
    code = concept(report.code, account) or {"extension": absent()}
    title = f"Demonstration: {report.title}" if report.demonstration else report.title
    impression = report.section("impression")
    resource = filing.head(identity) | pruned(
        {
            "extension": [
                *([_note(report.coverage)] if report.coverage else []),
                *(_section(each, account) for each in report.sections if each.sentences),
            ],
            "basedOn": filing.based_on,
            "status": "preliminary",
            "category": concepts(report.category, account),
            "code": {**code, "text": title},
            **filing.whose,
            **timing("effective", report.effective, account),
            "issued": issued.text,
            "result": [{"reference": reference} for reference in results],
            "imagingStudy": [{"reference": subject}] if kind == "ImagingStudy" else None,
            "media": [{"link": {"reference": subject}}] if kind == "Media" else None,
            "conclusion": text(impression.text) if impression else None,
        }
    )
    return labels.labelled(resource) if report.runs else resource


def _note(coverage: str) -> Node:
    return {"url": NOTE, "valueAnnotation": {"text": f"Read: {coverage}"}}


def _section(section: Section, account: Account) -> Node:
    code = concept(section.code, account) if section.code else None
    parts: list[Node] = [
        {"url": "key", "valueCode": section.key},
        {"url": "title", "valueString": section.title},
        *([{"url": "code", "valueCodeableConcept": code}] if code else []),
    ]
    return {"url": SECTION, "extension": [*parts, *map(_sentence, section.sentences)]}


def _sentence(sentence: Sentence) -> Node:
    words: Node = {"url": "text", "valueString": text(sentence.text) or "?"}
    return {"url": "sentence", "extension": [words, *map(place, sentence.places)]}
