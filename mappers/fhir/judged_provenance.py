"""Provenance of what models judged: the evidence by its bytes, the models, their instructions and parameters.

One for the report with its findings and Task, whose targets name the place of each finding; one for the
transcript of a dictation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from mappers.domain.attribution import ModelRun
from mappers.domain.findings import Finding, JudgedReport, Source, Transcription
from mappers.domain.identifiers import Identity
from mappers.fhir import device, labels
from mappers.fhir.authorship import (
    Reading,
    agent,
    digest,
    instructions,
    message,
    model_run,
    occurred,
    on_behalf,
)
from mappers.fhir.datatypes import pruned, text
from mappers.fhir.digests import source_uri
from mappers.fhir.filing import Filing
from mappers.fhir.places import place

Node = dict[str, Any]

#: Our own (docs/fhir-extensions.md): the digest of what a reference or an instance's UID names.
CONTENT_DIGEST = "https://wardwire.org/fhir/StructureDefinition/content-digest"
_UIDS = "urn:dicom:uid"
_CREATE = {"system": "http://terminology.hl7.org/CodeSystem/v3-DataOperation", "code": "CREATE"}


def of_report(
    report: JudgedReport,
    findings: Sequence[tuple[str, Finding]],
    others: Sequence[str],
    *,
    reading: Reading,
    filing: Filing,
) -> Node:
    """The Provenance of the draft report, its findings and its Task.

    Args:
        report: what was judged, and from what.
        findings: reference of each Observation, and the finding.
        others: references of the report and the Task.
        reading: how and when.
        filing: of the draft.
    """
    targets: list[Node] = [{"reference": each} for each in others]
    targets += [
        pruned({"extension": [place(each) for each in finding.places], "reference": reference})
        for reference, finding in findings
    ]
    identity = Identity("Provenance", ("judgement", *version(report, reading)))
    guards = [verdict.run for verdict in report.verdicts if verdict.run]
    return _write(
        identity, targets, report.runs, report.sources, guards, reading, filing, f"judged by {report.task}"
    )


def of_transcript(
    report: JudgedReport, spoken: Transcription, target: str, *, reading: Reading, filing: Filing
) -> Node:
    """The Provenance of a transcript."""
    identity = Identity("Provenance", ("transcript", *version(report, reading)))
    targets = [{"reference": target}]
    words = "recognised in speech"
    resource = _write(identity, targets, (spoken.run,), report.sources, (), reading, filing, words)
    return labels.labelled(resource, labels.DICTAST)


def version(report: JudgedReport, reading: Reading) -> tuple[str, ...]:
    """What makes a judgement another one: the evidence, the task, the models, what they were told."""
    runs = [*report.runs, *([report.transcription.run] if report.transcription else [])]
    told = "|".join(run.key for run in runs)
    used = "|".join(source.sha256 for source in report.sources)
    origin = reading.source.sha256 if reading.source else ""
    mark = hashlib.sha256(f"{used}\x1f{told}".encode()).hexdigest()
    return (reading.document, origin, report.task, reading.software.version, mark)


def _write(  # noqa: PLR0913, PLR0917 - the parts of one Provenance
    identity: Identity,
    targets: list[Node],
    runs: Sequence[ModelRun],
    sources: Sequence[Source],
    guards: Sequence[ModelRun],
    reading: Reading,
    filing: Filing,
    words: str,
) -> Node:
    behalf = on_behalf(reading, filing)
    cards = dict.fromkeys(run.card for run in runs)
    authors = [agent("author", device.identity_of_model(card).reference, behalf) for card in cards]
    prompts = [instructions(run) for run in runs if run.prompt_digest]
    resource = filing.head(identity) | pruned(
        {
            "extension": [model_run(run) for run in (*runs, *guards)],
            "target": targets,
            **(_over(runs) if runs else {}),
            "recorded": reading.recorded.text,
            "activity": {"coding": [dict(_CREATE)], "text": words},
            "reason": [{"coding": [dict(labels.AIAST)]}] if runs else None,
            "agent": [agent("assembler", device.identity_of(reading.software).reference, behalf), *authors],
            "entity": [
                *_evidence(sources, reading),
                *([message(reading.source)] if reading.source else []),
                *{each["what"]["identifier"]["value"]: each for each in prompts}.values(),
            ],
        }
    )
    return labels.labelled(resource) if runs else resource


def _over(runs: Sequence[ModelRun]) -> Node:
    if len(runs) == 1:
        return occurred(runs[0])
    start = min(run.started.text for run in runs)
    end = max(run.ended.text for run in runs)
    return {"occurredPeriod": {"start": start, "end": end}}


def _evidence(sources: Sequence[Source], reading: Reading) -> list[Node]:
    """The resource that was read, and each piece of it that was used, by the digest of its bytes."""
    entities: list[Node] = [{"role": "source", "what": {"reference": reading.document}}]
    for source in sources:
        what: Node = {"extension": [{"url": CONTENT_DIGEST, "valueUri": source_uri(source.sha256)}]}
        if source.sop_instance_uid:
            what["identifier"] = {"system": _UIDS, "value": f"urn:oid:{source.sop_instance_uid}"}
        elif source.reference:
            what["reference"] = source.reference
        else:
            what = {"identifier": digest(source.sha256)}
        shown = text(_shown(source))
        entities.append({"role": "source", "what": {**what, **({"display": shown} if shown else {})}})
    return entities


def _shown(source: Source) -> str:
    """What was used, and how it was shown to the model."""
    frames = f"frame {', '.join(map(str, source.frames))}" if source.frames else ""
    parts = (source.role, source.kind.value, source.media_type, frames, source.rendering)
    return "; ".join(part for part in parts if part)
