"""`demo = true`: the one way to demonstration checkpoints, and what it closes."""

from __future__ import annotations

import json

import pytest

from inference import demo
from integration.errors import SettingsInvalid
from integration.settings import load
from integration.wiring.terms import build_terms


@pytest.fixture
def checkpoint(tmp_path):
    """A copy of a demonstration checkpoint, somewhere else: its configuration is enough to tell."""
    folder = tmp_path / "weights" / "medgemma"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "gemma3", demo.MARK: True}))
    return folder


def settings_of(folder, text):
    file = folder / "wardwire.toml"
    file.write_text(text, encoding="utf-8")
    return load(file)


def test_it_is_off_unless_asked_for(tmp_path):
    """Without it no model is there that nobody configured."""
    settings = settings_of(tmp_path, "")

    assert (False, {}) == (settings.demo, settings.models_with_demo)
    assert not any(terms.demonstration for terms in build_terms(settings).values())


def test_a_demonstration_checkpoint_is_refused_without_it(tmp_path, checkpoint):
    """Wherever it was copied to; the text says what to do, and does not quote the path."""
    with pytest.raises(
        SettingsInvalid, match=r"models\.medgemma\.model is a demonstration .* demo = true"
    ) as error:
        settings_of(tmp_path, f'[models.medgemma]\nmodel = "{checkpoint}"')

    assert str(checkpoint) not in str(error.value)


def test_it_loads_with_it(tmp_path, checkpoint):
    """Said explicitly, the folder is used as any other; every channel refuses production."""
    settings = settings_of(tmp_path, f'demo = true\n[models.medgemma]\nmodel = "{checkpoint}"')

    assert str(checkpoint) == settings.models_with_demo["medgemma"].model
    assert all(terms.demonstration for terms in build_terms(settings).values())


def test_other_models_need_nothing(tmp_path):
    """A folder without the mark, or an id on a hub, is no demonstration."""
    (tmp_path / "config.json").write_text("{}")
    settings = settings_of(
        tmp_path, f'[models.medgemma]\nmodel = "{tmp_path}"\n[models.medasr]\nmodel = "google/medasr"'
    )

    assert {"medgemma", "medasr"} == set(settings.models_with_demo)


def test_the_environment_may_say_it(monkeypatch, tmp_path):
    """WARDWIRE_DEMO, as every setting."""
    monkeypatch.setenv("WARDWIRE_DEMO", "true")

    assert settings_of(tmp_path, "").demo


def test_a_demonstration_does_no_other_work(tmp_path, checkpoint):
    """What it was not made for is done as without a model, even where somebody names it."""
    settings = settings_of(tmp_path, f'demo = true\n[models.medgemma]\nmodel = "{checkpoint}"')

    assert {} == settings.models_without_demo


def test_what_is_configured_outranks_the_demonstration(tmp_path):
    """Only models that nobody named are filled in."""
    settings = settings_of(tmp_path, 'demo = true\n[models.medasr]\nmodel = "google/medasr"')

    assert "google/medasr" == settings.models_with_demo["medasr"].model
    shipped = {name for name in demo.NAMES if demo.folder(name)}
    assert shipped | {"medasr"} == set(settings.models_with_demo)
