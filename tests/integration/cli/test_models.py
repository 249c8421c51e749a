"""`wardwire models` as its users see it; no weights, no network."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from integration.cli.main import wardwire
from tests.support import chat_server
from tests.support.chat_server import completion


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the developer's take part, and no hub is asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def _run(*arguments: str, **models: dict[str, Any]) -> Result:
    lines = []
    for name, each in models.items():
        lines += [f"[models.{name}]", *(f"{key} = {_toml(value)}" for key, value in each.items())]
    Path("wardwire.toml").write_text("\n".join(lines))
    return CliRunner().invoke(wardwire, ["models", *arguments])


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + "}"
    return json.dumps(value)


def _checkpoint(folder: Path, *, side: int = 896) -> str:
    """The head of a checkpoint of MedGemma's kind: 1,000 numbers, no weights."""
    folder.mkdir()
    text = {
        "num_hidden_layers": 34,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "max_position_embeddings": 131072,
    }
    config = {"model_type": "gemma3", "text_config": text, "vision_config": {"image_size": side},
              "mm_tokens_per_image": 256}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    head = json.dumps({"w": {"dtype": "BF16", "shape": [10, 100], "data_offsets": [0, 2000]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head)
    return str(folder)


def test_without_models_it_says_so() -> None:
    """Nothing is wrong with that."""
    done = _run("list")

    assert (0, True) == (done.exit_code, "not read: no model" in done.stdout)


def test_models_are_listed_with_their_place(tmp_path: Path) -> None:
    """Where each runs, and whether its weights are here; no key is printed."""
    done = _run(
        "list", "--json",
        medgemma={"model": _checkpoint(tmp_path / "m"), "dtype": "bfloat16"},
        medsiglip={"model": "google/medsiglip-448"},
        far={"model": "m", "backend": "openai",
             "host": {"base": "https://gpu.example.org/v1", "disclosure": "accepted", "region": "Bavaria",
                      "auth": {"kind": "bearer", "secret": "SECRET"}}},
    )  # fmt: skip

    medgemma, medsiglip, far = json.loads(done.stdout)
    assert ("here", "cpu, bfloat16") == (medgemma["weights"], medgemma["place"])
    assert "not here: wardwire models fetch" == medsiglip["weights"]
    assert (True, "Bavaria") == (far["remote"], far["region"])
    assert "SECRET" not in done.output


def test_a_checkpoint_is_looked_at_without_loading(tmp_path: Path) -> None:
    """Kind, size, memory with the longest prompt, images: what would run."""
    done = _run(
        "check", "medgemma", "--json", medgemma={"model": _checkpoint(tmp_path / "m"), "dtype": "bfloat16"}
    )

    (checked,) = json.loads(done.stdout)
    assert (0, True) == (done.exit_code, checked["passed"])
    assert "gemma3 by transformers on cpu in bfloat16" == checked["facts"]["would run"]
    assert 1000 == checked["facts"]["parameters"]
    # Keys and values of 34 layers, 4 heads of 256, 32,768 tokens, 2 bytes each: 4.56 GB, and 1.5 for the rest.
    assert "6.1 GB" == checked["facts"]["memory, estimated"]
    assert "up to 16 of 896 pixels, 256 tokens each" == checked["facts"]["images"]


def _damaged(folder: Path) -> str:
    path = _checkpoint(folder)
    (folder / "model.safetensors").write_bytes(b"x" * 40)
    return path


@pytest.mark.parametrize("why", ["missing", "no-weights", "damaged", "images-do-not-fit"])
def test_what_cannot_run_is_named(tmp_path: Path, why: str) -> None:
    """Exit code 1 and what to do."""
    (tmp_path / "empty").mkdir()
    settings: dict[str, Any] = {
        "missing": lambda: {"model": "google/medgemma-1.5-4b-it"},
        "no-weights": lambda: {"model": str(tmp_path / "empty")},
        "damaged": lambda: {"model": _damaged(tmp_path / "m")},
        "images-do-not-fit": lambda: {"model": _checkpoint(tmp_path / "m"), "max_images": 200},
    }[why]()

    done = _run("check", medgemma=settings)

    assert 1 == done.exit_code
    assert "wrong" in done.stdout


def test_a_server_is_asked_what_it_serves() -> None:
    """And with --run it answers a question about nobody."""
    with chat_server.running(lambda _: (200, completion("yes"))) as server:
        near = {"model": "tiny", "backend": "openai", "host": {"base": server.base}}
        done = _run("check", "--run", "--json", medgemma=near)
        other = _run("check", medgemma={**near, "model": "huge"})

    (checked,) = json.loads(done.stdout)
    assert (True, "tiny") == (checked["passed"], checked["facts"]["serves"])
    assert [["Say yes."]] == [[each["content"] for each in body["messages"]] for body in server.asked]
    assert (1, True) == (other.exit_code, "the server has no huge" in other.stdout)


def test_fetching_without_a_network_says_what_to_do() -> None:
    """One line, exit code 1."""
    done = _run("fetch", "medgemma", medgemma={"model": "google/medgemma-1.5-4b-it"})

    assert 1 == done.exit_code
    assert "the hub cannot be reached from here" in done.stderr


def test_what_is_here_is_not_fetched(tmp_path: Path) -> None:
    """Its folder is printed."""
    folder = _checkpoint(tmp_path / "m")

    assert folder == _run("fetch", "medgemma", medgemma={"model": folder}).stdout.strip()


def test_a_model_that_is_not_configured_is_bad_usage() -> None:
    """By name."""
    done = _run("check", "nobody")

    assert "there is no [models.nobody]" in str(done.exception)
