"""Who reads some evidence: the rules of the settings, the first that covers it decides. Pure.

| a rule | covers |
|---|---|
| names a channel or a type of message | evidence that came that way |
| names a modality, a body part, a procedure, a content type | evidence that says so; none that says nothing |
| names nothing | everything |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

#: Task of a rule that says that nothing reads it.
NOT_READ: Final = "none"
_ANY_OF_KIND: Final = "/*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What is known of evidence before it is read.

    Attributes:
        message_type: MSH-9 with its trigger, or the type of the FHIR resource.
        procedures: codes as (system, code); systems may be "".
    """

    channel: str
    message_type: str
    modality: str = ""
    body_part: str = ""
    procedures: tuple[tuple[str, str], ...] = field(default=())
    content_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRule:
    """A rule; what is None does not restrict, and of task, prompt and model leaves the usual one."""

    channel: str | None = None
    message_type: str | None = None
    modality: str | None = None
    body_part: str | None = None
    procedure_code: str | None = None
    content_type: str | None = None
    task: str | None = None
    prompt: Path | None = None
    model: str | None = None

    def covers(self, arrived: Arrived) -> bool:
        """Whether it is about this evidence."""
        return (
            self.channel in {None, arrived.channel}
            and self._is_type(arrived.message_type)
            and _same(self.modality, arrived.modality)
            and _same(self.body_part, arrived.body_part)
            and self._is_procedure(arrived.procedures)
            and self._is_content(arrived.content_type)
        )

    def _is_type(self, trigger: str) -> bool:
        wanted = self.message_type
        return wanted is None or trigger == wanted or trigger.startswith(f"{wanted}^")

    def _is_procedure(self, procedures: Sequence[tuple[str, str]]) -> bool:
        if self.procedure_code is None:
            return True
        system, bar, code = self.procedure_code.rpartition("|")
        return any(known == code and (not bar or named == system) for named, known in procedures)

    def _is_content(self, content_type: str) -> bool:
        wanted = self.content_type
        if wanted is None or wanted == content_type:
            return True
        return wanted.endswith(_ANY_OF_KIND) and content_type.startswith(wanted[:-1])


def rule_for(arrived: Arrived, rules: Sequence[ReadingRule]) -> ReadingRule:
    """The first rule that covers it; the rule that changes nothing where none does."""
    return next((rule for rule in rules if rule.covers(arrived)), ReadingRule())


def _same(wanted: str | None, told: str) -> bool:
    return wanted is None or wanted.casefold() == told.casefold()
