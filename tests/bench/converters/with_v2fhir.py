"""hl7v2-fhir-bridge: parse, map, validate, write the Bundle as JSON, as its `convert --validate` does."""

import json

from timing import report
from v2fhir.config import default_config_path, load_config
from v2fhir.convert import convert
from v2fhir.hl7.parser import parse_bytes
from v2fhir.validate import validate_bundle

CONFIG = load_config(default_config_path(), {})


def to_json(message):
    """One transaction Bundle."""
    parsed = parse_bytes(message, CONFIG.default_charset, CONFIG.fallback_charsets)
    bundle = convert(parsed, CONFIG).bundle
    validate_bundle(bundle)
    return json.dumps(bundle)


report(to_json)
