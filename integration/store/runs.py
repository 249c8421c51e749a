"""What models answered, kept by what they were asked: a crash or a replay never asks again.

A key names task, version, model, revision, backend, weights and input (`ModelRun.key`); under one key there
is one answer, the first. Answers are sealed: they speak of patients.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from sqlalchemy import select

from integration.store.database import Database, Transaction
from integration.store.draft_tables import RUNS
from integration.store.keys import Keys
from integration.store.sealing import Sealer
from mappers.domain.attribution import ModelCard, ModelRun
from mappers.domain.times import Moment

_R = RUNS.c


class Runs:
    """The memory of model runs."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database = database
        self._sealer = Sealer(keys.seal)

    def find(self, key: str) -> tuple[ModelRun, str] | None:
        """The run of this key with its answer, None when there was none.

        Raises:
            StoreUnavailable: the database does not answer.
            BlobCorrupt: the answer does not open.
        """
        name = _name(key)
        with self._database.read() as connection:
            sealed = connection.execute(select(_R.content).where(_R.key == name)).scalar()
        if sealed is None:
            return None
        content = json.loads(self._sealer.open(sealed, bound_to=f"model run {name}"))
        return _decode(content["run"]), content["answer"]

    def keep(self, key: str, run: ModelRun, answer: str) -> None:
        """Keep an answer, on disk when this returns; an earlier one of the same key stands.

        Raises:
            StoreUnavailable: the database does not take writes now.
        """
        name = _name(key)
        content = json.dumps({"run": asdict(run), "answer": answer}, separators=(",", ":")).encode()
        row = {
            "key": name,
            "task": f"{run.task}@{run.task_version}",
            "model": f"{run.card.id}@{run.card.revision}",
            "at": run.ended.text,
            "content": self._sealer.seal(content, bound_to=f"model run {name}"),
        }

        def insert(connection: Transaction) -> None:
            known = connection.execute(select(_R.key).where(_R.key == name)).scalar()
            if known is None:
                connection.execute(RUNS.insert().values(row))

        self._database.write(insert).result()


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _decode(run: dict[str, object]) -> ModelRun:
    fields = dict(run)
    card = fields.pop("card")
    started, ended = fields.pop("started"), fields.pop("ended")
    assert isinstance(card, dict)
    assert isinstance(started, dict)
    assert isinstance(ended, dict)
    return ModelRun(
        **fields,  # type: ignore[arg-type]
        card=ModelCard(**card),
        started=Moment(**started),
        ended=Moment(**ended),
    )
