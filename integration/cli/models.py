"""`wardwire models`: which models the settings name, whether they can run, and bringing them here."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from integration import settings as configuration
from integration.errors import SettingsInvalid, WardwireError
from integration.settings import ModelSettings, Settings

_GIGABYTE = 1e9
#: What Wardwire asks of a model by its name.
_USE = {"medgemma": "reads images and texts", "medsiglip": "checks images", "medasr": "listens"}


@click.group()
def models() -> None:
    """The models that the settings name: list them, check them, fetch their weights.

    \b
    Example:
      wardwire models list
      wardwire models check medgemma --run
    """


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_(config: Path | None, *, as_json: bool) -> None:
    """Which models there are, what runs them, and whether their weights are here.

    \b
    Example:
      wardwire models list --json
    """
    settings = configuration.load(config)
    rows = [_row(name, each) for name, each in settings.models_with_demo.items()]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        click.echo(f"{row['name']:<12} {row['backend']:<13} {row['model']}  {row['place']}  {row['weights']}")
    if not rows:
        click.echo("no model is configured: what needs one is answered 'not read: no model'")


@models.command()
@click.argument("name", required=False)
@click.option("--run", "run_it", is_flag=True, help="Load it and ask it one short question.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def check(config: Path | None, name: str | None, *, run_it: bool, as_json: bool) -> None:
    """Look at a model, or at all: kind, size, memory that it needs, images that it takes, what would run.

    Exit code 1 if one of them cannot run.

    \b
    Example:
      wardwire models check
      wardwire models check medgemma --run
    """
    settings = configuration.load(config)
    checks = [_checked(each, settings, run_it=run_it) for each in _chosen(settings, name)]
    if as_json:
        click.echo(json.dumps(checks, ensure_ascii=False))
    else:
        for each in checks:
            mark = click.style("ok   ", fg="green") if each["passed"] else click.style("wrong", fg="red")
            click.echo(f"{mark} {each['name']:<12} {each['reason']}")
            for key, value in each["facts"].items():
                click.echo(f"      {key:<22} {value}")
    if not all(each["passed"] for each in checks):
        sys.exit(1)


@models.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def fetch(config: Path | None, name: str, *, as_json: bool) -> None:
    """Bring the weights of a model from the hub to this machine; the only command that downloads any.

    \b
    Example:
      wardwire models fetch medgemma
    """
    from inference.backends.local import hub
    from inference.errors import InferenceError

    settings = configuration.load(config)
    (chosen,) = _chosen(settings, name)
    model = settings.models_with_demo[chosen]
    if model.backend != "transformers":
        raise SettingsInvalid(f"models.{name} does not run on this machine: there is nothing to fetch")
    try:
        folder = hub.here(model.model, model.revision) or hub.fetch(model.model, model.revision)
    except InferenceError as error:
        click.echo(f"wardwire models: {error}", err=True)
        sys.exit(1)
    click.echo(json.dumps({"name": name, "folder": str(folder)}) if as_json else str(folder))


def _chosen(settings: Settings, name: str | None) -> list[str]:
    known = settings.models_with_demo
    if name is not None and name not in known:
        raise SettingsInvalid(f"there is no [models.{name}]")
    return [name] if name else list(known)


def _row(name: str, model: ModelSettings) -> dict[str, Any]:
    return {
        "name": name,
        "use": _USE.get(name, "named by routes"),
        "backend": model.backend,
        "model": model.model,
        "revision": model.revision,
        "adapter": str(model.adapter) if model.adapter else None,
        "place": _place(model),
        "remote": model.is_remote,
        "region": model.host.region or None,
        "weights": _weights(model),
    }


def _place(model: ModelSettings) -> str:
    base = model.host.base
    if base is not None:
        return f"{base} ({model.host.region})" if model.is_remote else base
    return f"{model.device}, {model.dtype}" if model.backend == "transformers" else "here"


def _weights(model: ModelSettings) -> str:
    from inference.backends.local import hub

    if model.backend != "transformers":
        return "none" if model.backend == "scripted" else "on the server"
    return "here" if hub.here(model.model, model.revision) else "not here: wardwire models fetch"


def _checked(name: str, settings: Settings, *, run_it: bool) -> dict[str, Any]:
    from inference.errors import InferenceError

    model = settings.models_with_demo[name]
    facts: dict[str, Any] = {}
    try:
        match model.backend:
            case "transformers":
                facts |= _local_facts(model)
            case "openai":
                facts |= _server_facts(name, model)
            case "vertex":
                facts |= {"server": _place(model)}
            case "scripted":
                facts |= {"answers from": model.model}
        if run_it:
            facts |= _run(name, settings)
    except (InferenceError, WardwireError) as error:
        return {"name": name, "passed": False, "reason": str(error), "facts": facts}
    ran = "it ran" if run_it else "it can run; --run tries it"
    return {"name": name, "passed": True, "reason": ran, "facts": facts}


def _local_facts(model: ModelSettings) -> Mapping[str, Any]:
    from inference.backends.local import hub, inspection
    from inference.errors import BackendMisconfigured

    folder = hub.here(model.model, model.revision)
    if folder is None:
        raise BackendMisconfigured(f"the weights of {model.model} are not here: wardwire models fetch")
    seen = inspection.inspect(folder, dtype=model.dtype, longest_prompt=model.max_prompt_tokens)
    facts: dict[str, Any] = {
        "would run": f"{seen.kind} by transformers on {model.device} in {model.dtype}",
        "parameters": seen.parameters,
        "stored as": ", ".join(seen.stored_as),
        "memory, estimated": f"{seen.memory_bytes / _GIGABYTE:.1f} GB",
        "longest prompt": f"{model.max_prompt_tokens} tokens of {seen.context}",
    }
    if seen.image_side:
        tokens = f", {seen.image_tokens} tokens each" if seen.image_tokens else ""
        facts["images"] = f"up to {model.max_images} of {seen.image_side} pixels{tokens}"
    if seen.image_tokens and model.max_images * seen.image_tokens > model.max_prompt_tokens:
        raise BackendMisconfigured("max_images of this many tokens do not fit into max_prompt_tokens")
    return facts


def _server_facts(name: str, model: ModelSettings) -> Mapping[str, Any]:
    from inference.errors import BackendMisconfigured
    from integration.clients.endpoint import Patience
    from integration.wiring.transcribers import build_host

    host = build_host(f"models.{name}", model.host, patience=Patience(attempts=1, seconds=10))
    try:
        served = [str(each["id"]) for each in json.loads(host.get("models"))["data"]]
    except (ValueError, KeyError, TypeError):
        raise BackendMisconfigured("the server does not say which models it has (GET models)") from None
    facts = {"server": _place(model), "serves": ", ".join(served)}
    if model.is_remote:
        facts["disclosure"] = "every image and text that goes there is recorded"
    if model.model not in served:
        raise BackendMisconfigured(f"the server has no {model.model}; it has {', '.join(served) or 'none'}")
    return facts


def _run(name: str, settings: Settings) -> Mapping[str, Any]:
    """One short question or comparison, about nothing of anybody."""
    from inference.ports import Prompt
    from integration.wiring.models import ENCODER, TRANSCRIBER, build_models

    built = build_models(settings)
    try:
        if name == ENCODER:
            encoder = built.encoder()
            assert encoder is not None
            card = encoder.card
        elif name == TRANSCRIBER:
            transcriber = built.transcriber()
            if transcriber is None:
                return {"card": "not tried"}
            card = transcriber.card
        else:
            generator = built.generator(name)
            assert generator is not None
            prompt = Prompt(instruction="", parts=("Say yes.",), max_new_tokens=8)
            generator.generate(prompt)
            card = generator.card
    finally:
        built.close()
    return {"card": f"{card.id} @ {card.revision}", "weights digest": card.weights_digest or "not known"}
