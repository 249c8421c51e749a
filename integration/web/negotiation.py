"""Which representation a caller wants: FHIR JSON of R4 is the only one there is."""

from __future__ import annotations

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_options_header

#: What answers are sent as (R4 http §3.1.0.1.10).
FHIR_JSON = "application/fhir+json; fhirVersion=4.0"
_JSON = frozenset(
    {"application/fhir+json", "application/json", "text/json", "application/*", "text/*", "*/*"}
)
_FORMATS = frozenset({"json", "application/fhir+json", "application/json", "text/json"})
_VERSIONS = frozenset({"4.0", "4.0.1"})


def wants_fhir_json(accept: MIMEAccept, wanted_format: str | None) -> bool:
    """Whether FHIR JSON of R4 will do.

    Args:
        accept: the Accept header; an empty one takes anything.
        wanted_format: `_format`, which outranks the header.
    """
    if wanted_format:
        # An unescaped + in a query arrives as a blank.
        return _acceptable(wanted_format.replace("fhir json", "fhir+json"), _FORMATS)
    return not accept or any(quality > 0 and _acceptable(value, _JSON) for value, quality in accept)


def _acceptable(value: str, known: frozenset[str]) -> bool:
    media_type, options = parse_options_header(value)
    version = options.get("fhirversion", options.get("fhirVersion", "4.0"))
    return media_type.lower() in known and version in _VERSIONS
