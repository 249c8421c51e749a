"""The settings' own documentation: what `wardwire.example.toml` and the reference page are made from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from integration.settings.loading import Settings

#: Stands for the default of a setting that has none.
REQUIRED = "…"


def describe() -> Iterator[tuple[str, str, str, str]]:
    """Every setting as (dotted name, type, default, description).

    `*` stands for a name of your choice, `[]` for one table of a list.
    """
    yield from _describe(Settings, "")


def _describe(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    # Plain settings first: TOML would read a setting after a sub-table as part of it.
    fields = sorted(model.model_fields.items(), key=lambda item: _section(item[1].annotation)[0] is not None)
    for name, field in fields:
        section, many = _section(field.annotation)
        if section is not None:
            yield from _describe(section, f"{prefix}{name}{many}.")
            continue
        default = field.default.as_posix() if isinstance(field.default, Path) else field.default
        if field.is_required():
            default = REQUIRED
        kind = str(getattr(field.annotation, "__name__", field.annotation)).replace("typing.", "")
        yield f"{prefix}{name}", kind, repr(default), field.description or ""


def _section(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """The table that a setting is, and what follows its name where there may be many of it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    origin, inner = get_origin(annotation), get_args(annotation)
    for kind, place, many in ((dict, 1, ".*"), (tuple, 0, "[]")):
        if origin is kind and isinstance(inner[place], type) and issubclass(inner[place], BaseModel):
            return inner[place], many
    return None, ""


def _absent(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """Tables that there are none of by default."""
    for name, field in model.model_fields.items():
        section, many = _section(field.annotation)
        if section is not None:
            inner = f"{prefix}{name}{many}"
            if many and not field.default:
                yield inner
            yield from _absent(section, f"{inner}.")


def example_toml() -> str:
    """A settings file that says what the defaults say, every line with its meaning."""
    lines = ["# Wardwire settings. Every line shows its default; remove the # to change it.", ""]
    absent = tuple(_absent(Settings, ""))
    table = ""
    for name, _kind, default, description in describe():
        head, _, leaf = name.rpartition(".")
        # Of a table that is not there by default, the header is a comment too.
        comment = "#   " if head.startswith(absent) else ""
        if head != table:
            table = head
            shown = "NAME".join(head.rsplit("*", 1)) if comment else head
            title = f"[[{shown[:-2]}]]" if shown.endswith("[]") else f"[{shown.replace('*', 'default')}]"
            lines += ["", f"{comment}{title}"]
        lines.append(f"# {description}")
        lines.append(f"{comment or '# '}{leaf} = {_toml(default)}")
    return "\n".join(lines) + "\n"


def _toml(default: str) -> str:
    words = {"None": '""', "True": "true", "False": "false", "()": "[]"}
    if default in words:
        return words[default]
    if default.startswith("("):
        default = "[" + default[1:-1].rstrip(",") + "]"
    return default.replace("'", '"')
