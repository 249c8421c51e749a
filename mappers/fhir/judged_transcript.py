"""DocumentReference of what was recognised in a recording: its words, and when each was spoken.

Labelled DICTAST; the recording itself stays where it is and is named by `context.related`.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from mappers.domain.documents import Document
from mappers.domain.findings import JudgedReport, Transcription
from mappers.domain.identifiers import Identity
from mappers.domain.times import Moment
from mappers.fhir import attachment, labels
from mappers.fhir.categories import CLINICAL_NOTE
from mappers.fhir.datatypes import concept, pruned
from mappers.fhir.filing import Filing

Node = dict[str, Any]


def write(  # noqa: PLR0913 - the parts of one transcript
    report: JudgedReport,
    spoken: Transcription,
    *,
    identity: Identity,
    author: str,
    date: Moment,
    filing: Filing,
) -> Node:
    """The transcript.

    Args:
        report: of which it is part: its code says what kind of note was dictated.
        spoken: what was recognised.
        identity: of the transcript.
        author: reference of the model that listened.
        date: when it came, an instant.
        filing: what it shares with the rest of the draft.
    """
    encounter = filing.chart.encounter
    subject = filing.document
    relates = [{"code": "transforms", "target": {"reference": subject}}]
    title = "Transcript of a dictation" if not spoken.conversation else "Transcript of a conversation"
    if report.demonstration:
        title = f"Demonstration: {title}"
    resource = filing.head(identity) | pruned(
        {
            "status": "current",
            "docStatus": "preliminary",
            "type": concept(report.code, filing.chart.account),
            "category": [deepcopy(CLINICAL_NOTE)],
            "subject": filing.whose.get("subject"),
            "date": date.text,
            "author": [{"reference": author}],
            "relatesTo": relates if subject.startswith("DocumentReference/") else None,
            "description": title,
            "content": [
                {"attachment": {**attachment.plain_text(spoken.text), "title": title}},
                {"attachment": attachment.write(_timed(spoken, title))},
            ],
            "context": pruned(
                {"encounter": [encounter] if encounter else None, "related": [{"reference": subject}]}
            ),
        }
    )
    return labels.labelled(resource, labels.DICTAST)


def _timed(spoken: Transcription, title: str) -> Document:
    """The raw text and the words with their seconds, as JSON: what a reader needs to find a word again."""
    words = [
        {"text": word.text, "start": word.start, "end": word.end}
        | ({} if word.posterior is None else {"posterior": word.posterior})
        for word in spoken.words
    ]
    told = {"raw": spoken.raw, "duration": spoken.duration, "words": words}
    content = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    return Document(content, "application/json", "", title=f"{title}: words and times")
