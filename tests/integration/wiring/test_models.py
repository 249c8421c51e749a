"""From settings to models: what may be configured, what is built, and what is on record before it leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from inference.backends.local.process import ProcessEncoder, ProcessGenerator
from inference.errors import BackendMisconfigured
from inference.ports import Prompt
from integration.errors import SettingsInvalid
from integration.settings import ModelSettings, Settings
from integration.wiring.models import Models, build_models
from tests.support import chat_server
from tests.support.chat_server import completion

PROMPT = Prompt(instruction="", parts=("hello",), max_new_tokens=5)


def _models(**models: dict[str, Any]) -> Models:
    return build_models(Settings(models={name: ModelSettings(**each) for name, each in models.items()}))


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"model": "m", "backend": "openai"}, "host.base"),
        ({"model": "m", "dtype": "float16"}, "dtype"),
        ({"model": "m", "threshold": 2}, "threshold"),
    ],
)
def test_what_cannot_run_is_refused(settings: dict[str, Any], problem: str) -> None:
    """A server needs its address; float16 is no choice."""
    with pytest.raises(ValidationError, match=problem):
        ModelSettings(**settings)


def test_no_model_is_none() -> None:
    """What needs one says so."""
    models = _models()

    assert (None, None, None) == (models.generator(), models.encoder(), models.transcriber())


def test_models_of_a_device_are_made_once_and_not_loaded() -> None:
    """The folder need not even be there before they are asked."""
    models = _models(medgemma={"model": "nowhere"}, medsiglip={"model": "nowhere"})

    generator = models.generator()

    assert isinstance(generator, ProcessGenerator)
    assert generator is models.generator("medgemma")
    assert isinstance(models.encoder(), ProcessEncoder)
    assert not generator.health.running
    models.close()


def test_another_model_by_its_name() -> None:
    """Routes may name one."""
    models = _models(medgemma={"model": "a"}, second={"model": "b", "device": "cuda:1"})

    assert models.generator() is not models.generator("second")


def test_only_transformers_run_the_encoder() -> None:
    """Said when it is wired."""
    with pytest.raises(SettingsInvalid):
        _models(medsiglip={"model": "m", "backend": "scripted"}).encoder()


def test_a_script_answers(tmp_path: Path) -> None:
    """A list of answers in a file; anything else is a setting to mend."""
    (tmp_path / "answers.json").write_text(json.dumps(["one", {"two": 2}]))
    models = _models(
        medgemma={"model": str(tmp_path / "answers.json"), "backend": "scripted"},
        broken={"model": str(tmp_path), "backend": "scripted"},
    )
    scripted, broken = models.generator(), models.generator("broken")
    assert scripted is not None
    assert broken is not None

    assert "one" == scripted.generate(PROMPT).text
    assert '{"two": 2}' == scripted.generate(PROMPT).text
    with pytest.raises(BackendMisconfigured, match=r"models\.broken"):
        broken.generate(PROMPT)


def test_a_server_on_this_machine_is_asked_with_its_key(tmp_path: Path) -> None:
    """It is not outside: nothing is disclosed."""
    (tmp_path / "key").write_text("k1\n")
    with chat_server.running(lambda _: (200, completion("yes"))) as server:
        models = _models(
            medgemma={"model": "tiny", "backend": "openai", "revision": "3",
                      "host": {"base": server.base, "auth": {"kind": "bearer", "secret_file": tmp_path / "key"}}}
        )  # fmt: skip
        generator = models.generator()
        assert generator is not None

        assert "yes" == generator.generate(PROMPT).text
        assert "Bearer k1" == server.headers[0]["Authorization"]
        assert ("tiny", "3", "openai", "") == (
            generator.card.id, generator.card.revision, generator.card.backend, generator.card.region,
        )  # fmt: skip


FAR = {"base": "https://127.0.0.2.example.org/v1", "disclosure": "accepted", "region": "Bavaria"}


class _Sound:
    sha256 = "5" * 64
    seconds = 1.0


@pytest.mark.parametrize("what", ["text", "a recording"])
def test_a_host_outside_is_on_record_first(what: str) -> None:
    """What goes, whereto and its digest; a record that cannot be kept keeps the evidence here."""
    told: list[dict[str, str]] = []

    def refuse(**disclosure: str) -> None:
        told.append(disclosure)
        raise SettingsInvalid("no record")

    settings = ModelSettings(model="m", backend="openai", host=FAR)
    models = build_models(Settings(models={"medgemma": settings, "medasr": settings}), disclosed=refuse)
    generator, transcriber = models.generator(), models.transcriber()
    assert generator is not None
    assert transcriber is not None

    with pytest.raises(SettingsInvalid, match="no record"):
        generator.generate(PROMPT) if what == "text" else transcriber.transcribe(_Sound())  # type: ignore[arg-type]
    digest = PROMPT.digest if what == "text" else _Sound.sha256
    assert [{"model": "m", "region": "Bavaria", "digest": digest, "what": what}] == told


def test_vertex_runs_the_recogniser_alone() -> None:
    """Its container has no chat that this project speaks."""
    with pytest.raises(SettingsInvalid, match="vertex"):
        _models(medgemma={"model": "m", "backend": "vertex", "host": FAR}).generator()
