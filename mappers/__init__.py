"""Pure translation between dialects (HL7 v2, FHIR R4) and the domain's vocabulary: no IO, no clock."""
