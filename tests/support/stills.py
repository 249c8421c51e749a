"""Pictures as evidence, and what a task reads with, for tests."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from typing import Any

from PIL import Image

from inference.backends.scripted import ScriptedGenerator
from inference.runs import Help, MemoryMemo
from inference.tasks.evidence import Still
from inference.tasks.reading import Aids
from mappers.domain.findings import Source, SourceKind
from mappers.domain.times import Moment


def png(width: int = 60, height: int = 40, shade: int = 90) -> bytes:
    """A grey picture."""
    stream = io.BytesIO()
    Image.new("L", (width, height), shade).save(stream, "PNG")
    return stream.getvalue()


def still(width: int = 60, height: int = 40, *, shade: int = 90, role: str = "current", **more: Any) -> Still:
    """A frontal chest picture, unless told otherwise."""
    content = png(width, height, shade)
    source = Source(
        kind=SourceKind.IMAGE,
        sha256=hashlib.sha256(content).hexdigest(),
        media_type="application/dicom",
        role=role,
        sop_instance_uid=f"1.2.3.{shade}",
    )
    chosen = {"columns": width, "rows": height, "view": "PA", "body_part": "CHEST", **more}
    return Still(png=content, source=source, **chosen)


def now() -> Moment:
    """A clock that stands."""
    return Moment("2026-01-02T03:04:05Z")


def helped(answers: Sequence[Any]) -> tuple[Help, ScriptedGenerator]:
    """A model that gives these answers."""
    generator = ScriptedGenerator(answers)
    generator.start()
    return Help(generator, MemoryMemo(), now), generator


def aids(*answers: Any, **more: Any) -> Aids:
    """What a task reads with, where the model gives these answers."""
    return Aids(help_=helped(answers)[0], **more)
