"""What a PDF holds beside its pages: scripts, attachments, forms. Noticed, never run and never read.

Runs in the parsing process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pdfplumber
from pdfminer.pdftypes import resolve1
from pdfminer.psparser import PSLiteral


def of(document: pdfplumber.PDF) -> list[str]:
    """The notices of a document, each once: see `inference.media.pages`."""
    found = dict.fromkeys(_catalog(document.doc.catalog))
    found |= dict.fromkeys(notice for page in document.pages for notice in _annotations(page))
    if document.doc.encryption is not None:
        found["encrypted"] = None
    return list(found)


def filled_fields(page: pdfplumber.page.Page) -> Iterator[Mapping[str, Any]]:
    """Form fields of a page that hold a value, with their boxes."""
    for annotation in page.annots:
        data = annotation["data"]
        parent = resolve1(data.get("Parent"))
        value = resolve1(data.get("V")) or (resolve1(parent.get("V")) if isinstance(parent, dict) else None)
        if _name(data.get("Subtype")) == "Widget" and value:
            yield annotation


def _catalog(catalog: Mapping[str, Any]) -> Iterator[str]:
    names = resolve1(catalog.get("Names"))
    if isinstance(names, dict):
        if "JavaScript" in names:
            yield "javascript"
        if "EmbeddedFiles" in names:
            yield "attachments"
    form = resolve1(catalog.get("AcroForm"))
    if isinstance(form, dict) and resolve1(form.get("Fields")):
        yield "form"
    yield from _action(catalog.get("OpenAction"))
    yield from _actions(catalog.get("AA"))


def _annotations(page: pdfplumber.page.Page) -> Iterator[str]:
    yield from _actions(page.page_obj.attrs.get("AA"))
    for annotation in page.annots:
        data = annotation["data"]
        if _name(data.get("Subtype")) == "FileAttachment":
            yield "attachments"
        yield from _action(data.get("A"))
        yield from _actions(data.get("AA"))


def _actions(thing: Any) -> Iterator[str]:
    actions = resolve1(thing)
    if isinstance(actions, dict):
        for action in actions.values():
            yield from _action(action)


def _action(thing: Any) -> Iterator[str]:
    action = resolve1(thing)
    if isinstance(action, dict):
        kind = _name(action.get("S"))
        if kind == "JavaScript" or "JS" in action:
            yield "javascript"
        elif kind in {"Launch", "SubmitForm", "ImportData", "GoToE"}:
            yield "launch"


def _name(thing: Any) -> str:
    literal = resolve1(thing)
    return str(literal.name) if isinstance(literal, PSLiteral) else ""
