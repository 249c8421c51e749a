"""The HTTP side: FHIR read face, health, metrics, pages. Flask stays in here; no result is decided here."""
