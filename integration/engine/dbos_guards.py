"""What DBOS may not do in this house: unpickle, keep anything but ids, log past the log of the process.

Owns the serializer and the refusal of pickles. Must not know workflows.
"""

from __future__ import annotations

import json
import logging
import pickle
from typing import Any

from dbos import Serializer
from dbos._serialization import DefaultSerializer

#: Longest text that may be kept for a run: its arguments, or the result of a step.
MAX_KEPT_CHARACTERS = 1024


class IdSerializer(Serializer):
    """JSON of ids, numbers, flags and nothing; of an exception its type name.

    Whatever a workflow takes or returns lies in the engine's database in the clear, so it may only name
    things, never say them.
    """

    def name(self) -> str:
        """The word in the `serialization` column."""
        return "wardwire_ids"

    def serialize(self, data: Any) -> str:
        """Raises TypeError for what is no JSON or too long to be ids; the message does not repeat it."""
        if isinstance(data, BaseException):
            return json.dumps({"failed": type(data).__name__})
        text = json.dumps(data, default=_refuse, separators=(",", ":"))
        if len(text) > MAX_KEPT_CHARACTERS:
            raise TypeError("only ids may be kept for a run, and this is too long to be ids")
        return text

    def deserialize(self, serialized_data: str) -> Any:
        """The value; in place of an exception a RuntimeError that says its type name."""
        data = json.loads(serialized_data)
        if isinstance(data, dict) and "failed" in data:
            return RuntimeError(str(data["failed"]))
        return data


def _refuse(value: object) -> object:
    raise TypeError(f"only ids may be kept for a run, not {type(value).__name__}")


def _refuse_pickle(*_: object) -> object:
    raise pickle.UnpicklingError("a row of the engine's database is pickled; to read it would be to run it")


def refuse_pickle() -> None:
    """Take unpickling out of DBOS for this process.

    DBOS obeys the `serialization` column of a row over the configured serializer, so that without this
    whoever can write to the database can run code here.
    """
    DefaultSerializer.deserialize = _refuse_pickle  # type: ignore[assignment,method-assign]
    # The run of such a row ends as failed, and DBOS writes that in the row's own format.
    DefaultSerializer.serialize = IdSerializer.serialize  # type: ignore[assignment,method-assign]


def quieten_logs() -> None:
    """Let DBOS speak from WARNING, and only through the log of the process.

    Left alone it adds a handler that prints tracebacks, and with them the words of exceptions, to stderr.
    """
    logger = logging.getLogger("dbos")
    logger.setLevel(logging.WARNING)
    logger.propagate = True
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
