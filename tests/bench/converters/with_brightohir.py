"""brightohir: one call, FHIR R5, without validation."""

import json

from brightohir.convert_v2 import v2_to_r5
from timing import report


def to_json(message):
    """One Bundle."""
    return json.dumps(v2_to_r5(message.decode()), default=str)


report(to_json)
