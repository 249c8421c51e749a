"""From a model's text to an answer that may be read: no defect, and JSON of the schema that was asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from inference.errors import OutputInvalid
from inference.guards import defect
from inference.ports import Completion

#: Models fence JSON where nothing forbids it.
_FENCE: Final = re.compile(r"\A\s*```(?:json)?\s*(.*?)\s*```\s*\Z", re.DOTALL)


def text(completion: Completion) -> str:
    """The answer as text.

    Raises:
        OutputInvalid: it is cut off, empty, repeats itself, refuses, or holds a placeholder.
    """
    wrong = defect(completion)
    if wrong is not None:
        raise OutputInvalid(wrong.value)
    return completion.text.strip()


def structured(completion: Completion, schema: Mapping[str, Any]) -> Any:
    """The answer as JSON of a schema.

    Raises:
        OutputInvalid: as `text`, or it is no JSON, or not of the schema.
    """
    from jsonschema import Draft202012Validator  # noqa: PLC0415  (a quarter of a second that few commands need)

    said = text(completion)
    fenced = _FENCE.match(said)
    try:
        answer = json.loads(fenced[1] if fenced else said)
    except (json.JSONDecodeError, RecursionError):
        raise OutputInvalid("the answer is no JSON", mendable=True) from None
    if not Draft202012Validator(dict(schema)).is_valid(answer):
        raise OutputInvalid("the answer does not fit its schema", mendable=True)
    return answer
