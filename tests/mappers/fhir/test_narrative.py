"""Narrative formats and does nothing else."""

from __future__ import annotations

import pytest

from mappers.fhir.narrative import is_safe


def div(inside: str) -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{inside}</div>'


@pytest.mark.parametrize(
    "inside",
    [
        "text",
        "<p><b>x</b><br/>y</p>",
        '<a href="https://x.example/">x</a>',
        '<table class="t"><tr><td colspan="2">x</td></tr></table>',
        '<img src="data:image/png;base64,AAAA" alt="x"/>',
        '<span style="color: red">x</span>',
        '<p xml:lang="de">x</p>',
    ],
)
def test_formatting_passes(inside):
    """The elements and attributes of txt-1."""
    assert is_safe(div(inside))


@pytest.mark.parametrize(
    "narrative",
    [
        div(""),
        div("  "),
        div("<script>x</script>"),
        div('<p onclick="x()">x</p>'),
        div('<a href="javascript:x()">x</a>'),
        div('<a href=" JAVASCRIPT:x()">x</a>'),
        div('<img src="https://tracker.example/x.png"/>'),
        div('<img src="data:image/svg+xml;base64,AAAA"/>'),
        div('<span style="background: url(https://x.example)">x</span>'),
        div("<iframe>x</iframe>"),
        div("<object>x</object>"),
        div('<svg xmlns="http://www.w3.org/2000/svg">x</svg>'),
        div("<?php x ?>x"),
        div("a &nbsp; b"),
        div("<b>x"),
        "<div>no namespace</div>",
        '<p xmlns="http://www.w3.org/1999/xhtml">no div</p>',
        '<!DOCTYPE div [<!ENTITY a "b">]>' + div("&a;"),
        "text",
        "",
    ],
)
def test_what_acts_or_is_empty_is_refused(narrative):
    """Refused, never cleaned."""
    assert not is_safe(narrative)
