"""Hypothesis strategies for HL7 v2: delimiters, texts, whole messages."""

from __future__ import annotations

import string

from hypothesis import strategies as st

from mappers.hl7v2.delimiters import Delimiters
from mappers.hl7v2.escapes import escape

PUNCTUATION = string.punctuation

#: Text as it may stand in a field once read: no control characters but line ends and tabs, no surrogates.
texts = st.text(
    st.characters(exclude_categories=("Cc", "Cs")) | st.sampled_from("\r\n\t|^~\\&#."), max_size=60
)


@st.composite
def delimiter_sets(draw: st.DrawFn, *, truncation: bool = True) -> Delimiters:
    """Five or six different characters of those that can delimit."""
    count = 6 if truncation and draw(st.booleans()) else 5
    characters = draw(st.lists(st.sampled_from(PUNCTUATION), min_size=count, max_size=count, unique=True))
    return Delimiters(*characters)


names = st.sampled_from(["PID", "OBX", "OBR", "NTE", "ZDS", "Z1A"])


@st.composite
def messages(draw: st.DrawFn) -> tuple[Delimiters, list[list[str]]]:
    """Delimiters and the fields of each segment, MSH first (MSH-3 on), as values that were not yet escaped."""
    delimiters = draw(delimiter_sets())
    values = st.lists(texts, max_size=8)
    header = draw(st.lists(texts, min_size=14, max_size=14))
    body = draw(st.lists(st.tuples(names, values), max_size=6))
    return delimiters, [["MSH", *header], *([name, *fields] for name, fields in body)]


def encode(delimiters: Delimiters, segments: list[list[str]]) -> str:
    """The segments as ER7 text, carriage returns between them."""
    lines = []
    for name, *values in segments:
        fields = [escape(value, delimiters) for value in values]
        if name == "MSH":
            fields.insert(0, delimiters.encoding_characters)
        lines.append(delimiters.field.join([name, *fields]))
    return "\r".join(lines) + "\r"
