"""Narrative XHTML (R4 §2.4, invariants txt-1 and txt-2): formatting and nothing that acts.

A page may show what passes here. What does not is refused, never cleaned.
"""

from __future__ import annotations

import re
from xml.parsers import expat

_XHTML = "http://www.w3.org/1999/xhtml"
#: Longest narrative, in characters.
_MAX_LENGTH = 1_048_576

_ELEMENTS = frozenset(
    re.findall(
        r"\S+",
        """
        a abbr acronym address b big blockquote br caption cite code col colgroup dd del dfn div dl dt em
        h1 h2 h3 h4 h5 h6 hr i img ins kbd li ol p pre q samp small span strong sub sup
        table tbody td tfoot th thead tr tt ul var
        """,
    )
)
_ATTRIBUTES = frozenset(
    re.findall(
        r"\S+",
        """
        abbr accesskey align alt axis border cellhalign cellpadding cellspacing cellvalign char charoff
        charset cite class colspan compact coords dir frame headers height href hreflang hspace id lang
        longdesc name nowrap rel rev rowspan rules scope shape span src start style summary tabindex title
        type usemap valign value vspace width xml:lang
        """,
    )
)
_LINK = re.compile(r"\s*(#|https?://|mailto:|tel:)", re.IGNORECASE)
_PICTURE = re.compile(r"\s*(#|data:image/(png|jpeg|gif);base64,)", re.IGNORECASE)
_STYLE_ACTS = re.compile(r"url\s*\(|expression\s*\(|@import|behaviou?r|-moz-binding|\\", re.IGNORECASE)


class _UnsafeError(Exception):
    """The narrative holds more than formatting."""


def is_safe(div: str) -> bool:
    """Whether this is one well-formed, non-empty XHTML `div` of formatting elements and attributes alone."""
    if len(div) > _MAX_LENGTH:
        return False
    checker = _Checker()
    try:
        checker.feed(div)
    except (expat.ExpatError, _UnsafeError):
        return False
    return checker.visible


class _Checker:
    """One pass of a push parser that never resolves an entity or a document type."""

    def __init__(self) -> None:
        self.visible = False
        self._depth = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.ProcessingInstructionHandler = self._refuse

    def feed(self, div: str) -> None:
        self._parser.Parse(div, True)

    def _refuse(self, *_: object) -> None:
        raise _UnsafeError

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        if namespace != _XHTML or local not in _ELEMENTS or (self._depth == 0 and local != "div"):
            raise _UnsafeError
        for attribute, value in attributes.items():
            if not _is_safe_attribute(local, attribute, value):
                raise _UnsafeError
        self._depth += 1
        self.visible = self.visible or local == "img"

    def _end(self, _: str) -> None:
        self._depth -= 1

    def _text(self, data: str) -> None:
        self.visible = self.visible or not data.isspace()


def _is_safe_attribute(element: str, attribute: str, value: str) -> bool:
    attribute = attribute.replace("http://www.w3.org/XML/1998/namespace ", "xml:")
    if attribute not in _ATTRIBUTES:
        return False
    if attribute == "href":
        return element == "a" and _LINK.match(value) is not None
    if attribute == "src":
        return element == "img" and _PICTURE.match(value) is not None
    return attribute != "style" or _STYLE_ACTS.search(value) is None
