"""The settings' own documentation: what `wardwire.example.toml` and the reference page are made from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from integration.settings.loading import Settings


def describe() -> Iterator[tuple[str, str, str, str]]:
    """Every setting as (dotted name, type, default, description); `*` stands for a name of your choice."""
    yield from _describe(Settings, "")


def _describe(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    # Plain settings first: TOML would read a setting after a sub-table as part of it.
    fields = sorted(model.model_fields.items(), key=lambda item: _section(item[1].annotation)[0] is not None)
    for name, field in fields:
        section, starred = _section(field.annotation)
        if section is not None:
            yield from _describe(section, f"{prefix}{name}.{'*.' if starred else ''}")
            continue
        default = field.default.as_posix() if isinstance(field.default, Path) else field.default
        kind = str(getattr(field.annotation, "__name__", field.annotation)).replace("typing.", "")
        yield f"{prefix}{name}", kind, repr(default), field.description or ""


def _section(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    if get_origin(annotation) is dict:
        inner = get_args(annotation)[1]
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            return inner, True
    return None, False


def example_toml() -> str:
    """A settings file that says what the defaults say, every line with its meaning."""
    lines = ["# Wardwire settings. Every line shows its default; remove the # to change it.", ""]
    table = ""
    for name, _kind, default, description in describe():
        head, _, leaf = name.rpartition(".")
        head = head.replace(".*", ".default")
        if head != table:
            table = head
            lines += ["", f"[{head}]"]
        lines.append(f"# {description}")
        lines.append(f"# {leaf} = {_toml(default)}")
    return "\n".join(lines) + "\n"


def _toml(default: str) -> str:
    words = {"None": '""', "True": "true", "False": "false", "()": "[]"}
    if default in words:
        return words[default]
    if default.startswith("("):
        default = "[" + default[1:-1].rstrip(",") + "]"
    return default.replace("'", '"')
