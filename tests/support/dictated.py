"""A dictation on its way: an MDM^T02 with a recording in an OBX of type ED."""

from __future__ import annotations

import base64

#: What is dictated, as a recogniser of MedASR's family writes it.
SPOKEN = (
    "[FINDINGS] the heart is normal {period} no pneumothorax {period} {new paragraph} "
    "[IMPRESSION] 5.50 mm nodule in the left upper lobe {period}"
)


def message(
    recording: bytes,
    *,
    control_id: str = "DICT-1",
    subtype: str = "wav",
    status: str = "DI",
    kind: str = "T02",
    processing_id: str = "P",
) -> bytes:
    """The message."""
    data = f"^AUDIO^{subtype}^Base64^{base64.b64encode(recording).decode('ascii')}"
    at = "20261122113000+0100"
    lines = (
        f"MSH|^~\\&|DICTATE|WARDHOSP|WARDWIRE|WARDHOSP|{at}||MDM^{kind}^MDM_T02|{control_id}|{processing_id}|2.5.1||||||UNICODE UTF-8",
        f"EVN|{kind}|{at}",
        "PID|1||WW-100417^^^WARDHOSP&2.16.840.1.113883.19.5.1&ISO^MR||Rossi^Giulia^Anna^^^^L||19710314|F",
        "PV1|1|I|MED3^312^B^WARDHOSP||||||||||||||||V-20261^^^WARDHOSP&2.16.840.1.113883.19.5.1&ISO^VN",
        f"TXA|1|DI|AU|{at}|1234^Weiss^Ada^^^Dr||||||||DOC-77^DICTATE^2.16.840.1.113883.19.5.9^ISO|||PL-7002^EHR||||{status}|||AV",
        f"OBX|1|ED|11488-4^Consultation note^LN||{data}||||||F|||{at}",
    )
    return "".join(f"{line}\r" for line in lines).encode()


def is_transcript(document: dict) -> bool:
    """Whether a DocumentReference is what a recogniser wrote, and stands."""
    labels = {label["code"] for label in document["meta"].get("security", ())}
    return "DICTAST" in labels and document["status"] == "current"
