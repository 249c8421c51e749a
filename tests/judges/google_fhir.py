"""google-fhir as a judge. Runs in its own environment: imports nothing of this project."""

from __future__ import annotations

import sys
from pathlib import Path

from google.fhir.r4 import json_format
from google.fhir.r4.proto.core.resources import bundle_and_contained_resource_pb2 as resources

for folder in sys.argv[1:]:
    for file in sorted(Path(folder).glob("*.json")):
        try:
            json_format.merge_json_fhir_string_into_proto(
                file.read_text(encoding="utf-8"),
                resources.ContainedResource(),
                validate=True,
                default_timezone="UTC",
            )
        except Exception as error:  # noqa: BLE001  whatever it raises is its finding
            print(f"{file.name}: google-fhir: {type(error).__name__}: {str(error)[:300]!r}")
