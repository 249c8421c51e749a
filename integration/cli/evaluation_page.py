"""The report of an evaluation as one HTML file that needs nothing else."""

from __future__ import annotations

from html import escape
from string import Template
from typing import Any

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 70rem; padding: 1.5rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.5rem; }
dt { font-weight: 600; } dd { margin: 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { border-bottom: 1px solid #8886; padding: .4rem .6rem; text-align: left; vertical-align: top; }
td.number { font-variant-numeric: tabular-nums; text-align: right; white-space: nowrap; }
.grave { font-weight: 600; }
</style>
</head>
<body>
<h1>$title</h1>
<p>This page holds what patients said. Keep it as you keep records.</p>
<dl>$facts</dl>
<h2>Worst cases</h2>
$worst
<h2>All cases</h2>
$every
</body>
</html>
""")
_COLUMNS = ("wer", "negations", "sides", "numbers", "substituted", "deleted", "inserted")


def dictation(told: dict[str, Any]) -> str:
    """The report on a recogniser.

    Args:
        told: as `wardwire evaluate dictation --json` prints it.
    """
    totals = told["totals"]
    facts = {
        "Model": f"{told['model']['id']} {told['model']['revision']}",
        "Decoding": ", ".join(f"{name} {value}" for name, value in told["model"]["decoding"].items()),
        "Cases": f"{told['cases']}, {told['failed']} of them could not be read",
        "Sound": f"{told['seconds']} s",
        "Word error rate": percent(told["wer"]),
        "Words": f"{totals['words']}: {totals['substituted']} wrong, {totals['deleted']} lost, "
        f"{totals['inserted']} made up",
        "Errors that touch a negation": str(totals["negations"]),
        "Errors that touch a side": str(totals["sides"]),
        "Errors that touch a number": str(totals["numbers"]),
    }
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    return _PAGE.substitute(
        title="Evaluation of dictation",
        facts=listed,
        worst=_table(told["worst"]),
        every=_table(told["each"]),
    )


def _table(cases: list[dict[str, Any]]) -> str:
    if not cases:
        return "<p>None.</p>"
    heads = (
        "Case",
        "Word errors",
        "Negations",
        "Sides",
        "Numbers",
        "Wrong",
        "Lost",
        "Made up",
        "Said",
        "Recognised",
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    rows = "".join(_row(case) for case in cases)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _row(case: dict[str, Any]) -> str:
    numbers = "".join(f'<td class="number">{_number(name, case[name])}</td>' for name in _COLUMNS)
    heard = case["failed"] or case["hypothesis"]
    texts = f"<td>{escape(case['reference'])}</td><td>{escape(heard)}</td>"
    return f'<tr><th scope="row">{escape(case["name"])}</th>{numbers}{texts}</tr>'


def _number(name: str, value: float) -> str:
    if name == "wer":
        return f"{value:.1%}"
    return (
        f'<span class="grave">{value}</span>'
        if value and name in {"negations", "sides", "numbers"}
        else str(value)
    )


def percent(interval: dict[str, float | None] | None) -> str:
    """An interval for people."""
    if interval is None or interval["value"] is None:
        return "nothing to compare"
    value = f"{interval['value']:.1%}"
    if interval["low"] is None or interval["high"] is None:
        return f"{value} (too few cases for an interval)"
    return f"{value} (95 % interval {interval['low']:.1%} to {interval['high']:.1%})"
