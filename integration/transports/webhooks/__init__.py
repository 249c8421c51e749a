"""Hooks: where FHIR servers say by HTTP that something changed."""
