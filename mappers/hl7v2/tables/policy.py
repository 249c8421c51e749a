"""What Wardwire does with codes that the published maps leave without a target, each with its reason.

These rows add to the published maps and never change one (a test holds that). Codes that stand in neither
place have no meaning here: the reader reports them, it does not guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Policy:
    """One decision.

    Attributes:
        target: the FHIR code.
        reason: why this one.
        absent_reason: FHIR data-absent-reason that goes with it.
    """

    target: str
    reason: str
    absent_reason: str | None = None


#: Table 0085, OBX-11 -> observation-status.
OBSERVATION_STATUS: Final = {
    "B": Policy("amended", "appended: the values stand, something was added"),
    "I": Policy("registered", "specimen in the laboratory, no result yet"),
    "N": Policy("final", "the sender states that it was not asked for; that statement is final", "not-asked"),
    "O": Policy("registered", "describes the order, no result"),
    "R": Policy("preliminary", "entered and not verified"),
    "S": Policy("preliminary", "partial, deprecated in v2.6"),
    "U": Policy("final", "became final without being sent again; the reader needs the earlier version"),
    "V": Policy("final", "verified; neither value nor range changed"),
}

#: Table 0123, OBR-25 -> diagnostic-report-status. Y and Z answer queries and are an error in a result.
REPORT_STATUS: Final = {
    "A": Policy("partial", "some results are there and verified, not all"),
    "M": Policy("preliminary", "corrected and not final: a new preliminary"),
    "N": Policy("registered", "procedure completed, results pending"),
}

#: Table 0038, ORC-5 -> request-status.
ORDER_STATUS: Final = {
    "A": Policy("active", "some results are there, not all: still being worked on"),
}

#: Table 0119, ORC-1 -> request-status. Requests change nothing until they are confirmed.
ORDER_CONTROL: Final = {
    "NA": Policy("active", "an order number was assigned to a running order"),
    "SN": Policy("active", "asks for an order number for a running order"),
    "OE": Policy("active", "released from hold"),
    "OR": Policy("active", "released from hold as requested"),
    "CH": Policy("active", "child of a running order"),
    "PA": Policy("active", "parent whose children are being worked on"),
    "RP": Policy("active", "a request to replace; the order stands until it is answered"),
    "RU": Policy("revoked", "replaced by the filler: the old order is no longer to be done"),
    "XO": Policy("active", "a request to change a running order"),
    "XR": Policy("active", "changed as requested, still to be done"),
    "XX": Policy("active", "changed by the filler, still to be done"),
    "UA": Policy("revoked", "the filler cannot accept it: it will not be done"),
    "UC": Policy("active", "could not be cancelled: it goes on"),
    "UD": Policy("active", "could not be discontinued: it goes on"),
    "UH": Policy("active", "could not be put on hold: it goes on"),
    "UM": Policy("active", "could not be replaced: it goes on"),
    "UX": Policy("active", "could not be changed: it goes on"),
    "UR": Policy("on-hold", "could not be released from hold"),
    "DE": Policy("entered-in-error", "the filler found errors in the order's data"),
}

#: Table 0078, OBX-8: the guide gives these no target, the code system holds them.
INTERPRETATION: Final = {
    code: Policy(code, "retired in the value set, still a code of v3-ObservationInterpretation")
    for code in ("AC", "HM", "OBX", "QCF", "TOX")
}

#: Table 0201, XTN.2 -> contact-point-use.
TELECOM_USE: Final = {
    "ORN": Policy("home", "another residence is a home"),
    "VHN": Policy("home", "a vacation home is a home; FHIR temp means that the number itself is temporary"),
}
#: Table 0202, XTN.3 -> contact-point-use, where XTN.2 says nothing.
TELECOM_USE_OF: Final = {
    "CP": Policy("mobile", "a mobile phone: FHIR says so in use, not in system"),
}
#: Table 0201, XTN.2 -> contact-point-system, where XTN.3 says nothing.
TELECOM_SYSTEM_OF: Final = {
    "NET": Policy("email", "0201 calls it Network (email) Address"),
    "BPN": Policy("pager", "0201 calls it Beeper Number"),
    "PRN": Policy("phone", "a residence number is a telephone number"),
    "ORN": Policy("phone", "a residence number is a telephone number"),
    "WPN": Policy("phone", "a work number is a telephone number"),
    "VHN": Policy("phone", "a vacation home number is a telephone number"),
    "ASN": Policy("phone", "an answering service is reached by telephone"),
    "EMR": Policy("phone", "an emergency number is a telephone number"),
}

#: Units seen in feeds that the published aliases lack -> UCUM.
UCUM_ALIASES: Final = {
    "PERCENT": Policy("%", "upper-case feed"),
    "beats/min": Policy("/min", "as bpm: UCUM counts nothing by name"),
    "UMOLL": Policy("umol/L", "the code of umol/L in a vendor's unit list; no other unit has these letters"),
    "MMOLL": Policy("mmol/L", "the code of mmol/L in a vendor's unit list; no other unit has these letters"),
    "MLMIN": Policy("mL/min", "the code of mL/min in a vendor's unit list; no other unit has these letters"),
    "MDC_DIM_PERCENT": Policy("%", "ISO 11073-10101, as IHE devices send it"),
    "MDC_DIM_MMHG": Policy("mm[Hg]", "ISO 11073-10101, as IHE devices send it"),
    "MDC_DIM_DEGC": Policy("Cel", "ISO 11073-10101, as IHE devices send it"),
    "MDC_DIM_BEAT_PER_MIN": Policy("/min", "ISO 11073-10101, as IHE devices send it"),
    "MDC_DIM_RESP_PER_MIN": Policy("/min", "ISO 11073-10101, as IHE devices send it"),
    "MDC_DIM_X_L_PER_MIN": Policy("L/min", "ISO 11073-10101, as IHE devices send it"),
}

#: Diagnostic service sections (0074) that are imaging, besides the laboratory ones (US Core category rules).
IMAGING_SECTIONS: Final = frozenset(
    {"IMG", "RAD", "RX", "RUS", "CT", "CTH", "NMR", "NMS", "CUS", "OUS", "VUS", "XRC"}
)
