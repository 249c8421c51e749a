"""Results into FHIR servers that are not ours: what goes, whose it is there, in which order, again or not."""
