"""The CapabilityStatement: what the read face really does, made from the tables that do it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from integration.store.search_parameters import PARAMETERS, Kind, Parameter
from integration.web import fhir_trail
from integration.web.fhir_audit import AUDIT_EVENT
from mappers.domain.attribution import Software
from mappers.fhir.submission_parts import SINGLE

_INTERACTIONS = ("read", "vread", "history-instance", "search-type")
_DESCRIPTION = (
    "What Wardwire wrote, as versioned resources. Nothing is changed in place; documents, media and studies "
    "are submitted by create or in a Bundle (docs/fhir-in.md). Modifiers: :missing on all, :not on tokens, "
    ":identifier and :[type] on references; chained parameters. Date prefixes: eq ne gt lt ge le sa eb. "
    "Texts match as whole words and birthdate as a whole: the index holds keyed marks of them. "
    "Times without an offset are read as UTC. _sort takes _lastUpdated or one date parameter. :iterate on "
    "_include and _revinclude. Prefer: handling=strict refuses unknown parameters."
)


def write(*, software: Software, base: str, started: datetime) -> dict[str, Any]:
    """The statement of one running server (R4 CapabilityStatement, kind `instance`).

    Args:
        software: that runs.
        base: URL of the FHIR face.
        started: when this process started; aware.
    """
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": started.isoformat(timespec="seconds"),
        "publisher": software.name,
        "kind": "instance",
        "software": {"name": software.name, "version": software.version},
        "implementation": {"description": "FHIR face of this Wardwire", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "documentation": _DESCRIPTION,
                "security": {
                    "cors": False,
                    "description": "Bearer tokens where configured; without them, this machine alone.",
                },
                "resource": sorted(
                    [*map(_resource, PARAMETERS), _audit_event()], key=lambda each: str(each["type"])
                ),
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
            }
        ],
    }


def _resource(kind: str) -> dict[str, Any]:
    referring = sorted(
        f"{source}:{parameter.name}"
        for source, parameters in PARAMETERS.items()
        for parameter in parameters.values()
        if parameter.kind is Kind.REFERENCE and (not parameter.targets or kind in parameter.targets)
    )
    parameters = PARAMETERS[kind].values()
    include = [f"{kind}:{p.name}" for p in parameters if p.kind is Kind.REFERENCE]
    everywhere = [{"name": "_id", "type": "token"}, {"name": "_lastUpdated", "type": "date"}]
    described = {
        "type": kind,
        "interaction": [
            {"code": code} for code in (*_INTERACTIONS, *(("create",) if kind in SINGLE else ()))
        ],
        "versioning": "versioned",
        "readHistory": True,
        "updateCreate": False,
        "conditionalCreate": kind in SINGLE,
        "conditionalRead": "full-support",
        "conditionalUpdate": False,
        "conditionalDelete": "not-supported",
        "searchInclude": [f"{kind}:*", *include] if include else [],
        "searchRevInclude": referring,
        "searchParam": everywhere + [_parameter(parameter) for parameter in parameters],
    }
    return {name: value for name, value in described.items() if value != []}


def _audit_event() -> dict[str, Any]:
    """The audit trail, which is no resource of the result store."""
    return {
        "type": AUDIT_EVENT,
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned",
        "readHistory": True,
        "updateCreate": False,
        "conditionalCreate": False,
        "conditionalUpdate": False,
        "conditionalDelete": "not-supported",
        "searchParam": [{"name": name, "type": kind} for name, kind in fhir_trail.PARAMETERS.items()],
    }


def _parameter(parameter: Parameter) -> dict[str, str]:
    described = {"name": parameter.name, "type": parameter.kind.value}
    if parameter.own:
        described["documentation"] = "Wardwire's own: " + ", ".join(parameter.paths)
    return described
