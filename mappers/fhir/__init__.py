"""FHIR R4: the domain to valid resources, and FHIR JSON to the domain."""
