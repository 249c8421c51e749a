"""One FHIR document to the resources that a submission of it would write; a dry run, without a store.

| what came | becomes |
|---|---|
| a Bundle or a resource that submissions take | its resources under ids of our own, and a Provenance |
| references to what is not in it | as they are: whether they lead somewhere, only the store can say |
| anything else | refused, with the place and the reason |

The ledger has a row for each entry: the elements that were written, and those that were not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from integration.flows.convert import Conversion
from mappers.domain.attribution import Software
from mappers.domain.channels import Channel
from mappers.domain.issues import Issue, IssueCode, Refused, Severity
from mappers.domain.ledger import Disposition, Ledger, LedgerRow
from mappers.domain.people import Organization
from mappers.domain.times import Moment
from mappers.fhir import copy_provenance, device, r4, submission, submission_parts
from mappers.fhir.digests import source_uri
from mappers.fhir.provenance import Making
from mappers.fhir.result_bundle import Entry, WrittenBundle
from mappers.fhir.source_identities import Place
from mappers.fhir.submission import World
from mappers.fhir.submission_parts import Submission

Node = dict[str, Any]

_BOM = b"\xef\xbb\xbf"
#: Of every resource; their fate says nothing of its content.
_FRAME = frozenset({"resourceType", "id", "meta"})


def documents(raw: bytes) -> list[bytes] | None:
    """The JSON documents of a file, one or one a line (NDJSON); None when it does not begin like JSON."""
    body = raw.removeprefix(_BOM).strip()
    if not body.startswith(b"{"):
        return None
    lines = [line for line in body.splitlines() if line.strip()]
    each_alone = len(lines) > 1 and all(line.lstrip().startswith(b'{"') for line in lines)
    return lines if each_alone else [body]


def convert(
    raw: bytes,
    *,
    channel: Channel,
    software: Software,
    recorded: Moment,
    responsible: Organization | None = None,
) -> Conversion:
    """Map one FHIR document; never raises for what it holds.

    Args:
        raw: a Bundle or a resource as JSON.
        channel: whose rules count.
        software: what writes it.
        recorded: an instant, Provenance.recorded.
        responsible: on whose behalf Wardwire acts.
    """
    digest = hashlib.sha256(raw).hexdigest()
    world = World(
        place=Place(channel, f"submission:{channel.name}"),
        base="",
        source=source_uri(digest),
        find=lambda kind, name: {"resourceType": kind, "id": name},
        may_fetch=lambda _: True,
    )
    try:
        parsed = submission_parts.parse(r4.decode(raw, max_bytes=max(len(raw), 1)), kind=None)
        read = submission.read(parsed, world, known={})
    except Refused as refusal:
        return Conversion("", None, None, (refusal.issue,))
    ledger = Ledger(tuple(_rows(parsed, read)))
    issues = tuple(_issues(read))
    if read.refused:
        return Conversion("", None, ledger, issues)
    taken = [each.resource for each in read.entries if each.identity and not each.refused]
    targets = [f"{each['resourceType']}/{each['id']}" for each in taken]
    making = Making(software, recorded, responsible)
    why = copy_provenance.write(targets, source="", sha256=digest, making=making, entered_by="convert")
    whole = [device.write(software), *taken, *([why] if taken else [])]
    return Conversion("", WrittenBundle(tuple(map(Entry, whole)), ()), ledger, issues)


def _rows(parsed: Submission, read: Submission) -> Iterator[LedgerRow]:
    for came, entry in zip(parsed.entries, read.entries, strict=True):
        kind = str(came.resource.get("resourceType"))
        said = [name for name in came.resource if name not in _FRAME]
        if entry.refused:
            yield LedgerRow(entry.where, Disposition.REPORTED, (), tuple(f"{kind}.{name}" for name in said))
            continue
        kept = [name for name in said if name in entry.resource] if entry.identity else said
        paths = tuple(f"{kind}.{name}" for name in kept)
        lost = tuple(f"{kind}.{name}" for name in said if name not in kept)
        yield LedgerRow(entry.where, Disposition.MAPPED, paths, lost)


def _issues(read: Submission) -> Iterator[Issue]:
    """What is to be said of the entries; what refuses the whole is fatal."""
    for entry in read.entries:
        for each in entry.issues:
            refuses = read.refused and each.severity in {Severity.ERROR, Severity.FATAL}
            severity = Severity.FATAL if refuses else each.severity
            yield Issue(severity, IssueCode(each.code), each.location, each.text)
