"""A recording in OBX ED from a client that is not ours: a transcript and a draft beside the sender's document."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from integration.settings import FhirServerSettings
from integration.wiring.fhir_servers import build_fhir_server
from tests.integration.flows.test_media_recordings import MEDIA
from tests.support import sekmet
from tests.support.dictated import SPOKEN, is_transcript, message
from tests.support.recordings import encoded, voice
from tests.support.serving import Serving, serving, wait_for
from tests.system.test_documents import found, send

pytestmark = pytest.mark.system
PATIENT = {
    "resourceType": "Patient",
    "identifier": [{"system": "urn:oid:2.16.840.1.113883.19.5.1", "value": "WW-100417"}],
    "name": [{"family": "Rossi"}],
}
RECORDING = encoded(voice(6.0, rate=44_100), rate=44_100, coding="PCM_24")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("dictated")
    script = folder / "said.json"
    script.write_text(json.dumps([SPOKEN]))
    environment = {
        "WARDWIRE_MODELS__MEDASR__BACKEND": "scripted",
        "WARDWIRE_MODELS__MEDASR__MODEL": str(script),
    }
    with serving(folder, environment=environment) as started:
        send(started, message(RECORDING))
        yield started


def transcripts(running: Serving) -> list[Any]:
    return [each for each in found(running, "DocumentReference") if is_transcript(each)]


def test_a_dictation_over_mllp_ends_as_transcript_and_draft(running: Serving) -> None:
    """Acknowledged at once, heard later, readable at the FHIR face; nothing is final."""
    (transcript,) = wait_for(lambda: transcripts(running), seconds=90, what="a transcript")
    (report,) = found(running, "DiagnosticReport?status=preliminary")
    text = base64.b64decode(transcript["content"][0]["attachment"]["data"]).decode()

    assert "no pneumothorax." in text
    assert "IMPRESSION\n5.50 mm nodule in the left upper lobe." in text
    assert "DICTAST" in {label["code"] for label in transcript["meta"]["security"]}
    assert "AIAST" in {label["code"] for label in report["meta"]["security"]}
    assert [] == found(running, "DiagnosticReport?status=final")


def test_the_recording_is_kept_and_named(running: Serving) -> None:
    """The transcript leads to the sender's document, which holds the bytes as they came."""
    (transcript,) = wait_for(lambda: transcripts(running), seconds=90, what="a transcript")
    source = transcript["relatesTo"][0]["target"]["reference"]
    (document,) = found(running, f"DocumentReference?_id={source.partition('/')[2]}")

    assert RECORDING == base64.b64decode(document["content"][0]["attachment"]["data"])
    assert transcript["subject"] == document["subject"]


def test_nothing_that_was_said_is_in_the_log(running: Serving) -> None:
    """Ids and codes only."""
    wait_for(lambda: transcripts(running), seconds=90, what="a transcript")
    log = "".join(path.read_text(errors="replace") for path in Path(running.folder).glob("*.log"))

    assert not any(word in log for word in ("pneumothorax", "nodule", "Rossi"))


@sekmet.SKIP
def test_a_media_at_a_real_fhir_server_ends_as_transcript_and_draft(tmp_path: Path) -> None:
    """Created there by HTTP, found by looking at what changed, heard here; the chart is the patient's copy."""
    (tmp_path / "ehr").mkdir()
    (tmp_path / "ww").mkdir()
    script = tmp_path / "said.json"
    script.write_text(json.dumps([SPOKEN]))
    with sekmet.sekmet(tmp_path / "ehr") as ehr:
        environment = {
            "WARDWIRE_CHANNELS__EHR__FHIR__BASE": ehr.base,
            "WARDWIRE_CHANNELS__EHR__FHIR__CATCH_UP_SECONDS": "1",
            "WARDWIRE_MODELS__MEDASR__BACKEND": "scripted",
            "WARDWIRE_MODELS__MEDASR__MODEL": str(script),
        }
        server = build_fhir_server("test", FhirServerSettings(base=ehr.base))
        assert server is not None
        patient = server.create("Patient", json.dumps(PATIENT).encode()).reference
        with serving(tmp_path / "ww", environment=environment) as wardwire:
            media = {
                **{name: value for name, value in MEDIA.items() if name != "id"},
                "subject": {"reference": patient},
            }
            server.create("Media", json.dumps(media).encode())
            (transcript,) = wait_for(lambda: transcripts(wardwire), seconds=120, what="a transcript")
            (report,) = found(wardwire, "DiagnosticReport?status=preliminary")
            (person,) = found(wardwire, "Patient")

    assert f"Patient/{person['id']}" == transcript["subject"]["reference"] == report["subject"]["reference"]
    text = base64.b64decode(transcript["content"][0]["attachment"]["data"]).decode()
    assert "no pneumothorax." in text
