"""`wardwire destinations`: trials at the servers that results are written to."""

from __future__ import annotations

import json
from pathlib import Path

import click

from integration import settings as configuration


@click.group()
def destinations() -> None:
    """Try what a FHIR server does with what is written to it.

    \b
    Example:
      wardwire destinations probe ehr --patient test-patient-1
    """


@destinations.command()
@click.argument("name")
@click.option("--patient", required=True, help="Id at the server of a patient who exists for tests.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def probe(config: Path | None, *, name: str, patient: str, as_json: bool) -> None:
    """Write drafts about a test patient, make them final, take them back: does the server keep them apart?

    Only where it does are drafts sent that nobody signed (drafts = "send"). Writes an Observation, a
    DiagnosticReport and a DocumentReference, labelled as a test, and deletes them where it may. What was
    found is remembered with its time. Exit code 1 if anything failed.

    \b
    Example:
      wardwire destinations probe ehr --patient test-patient-1
    """
    from integration.wiring.fhir_destinations import prove
    from integration.wiring.stores import demand_current_schema, open_store

    settings = configuration.load(config)
    store = open_store(settings)
    demand_current_schema(store)
    try:
        found = prove(settings, store, name, patient=patient)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--patient") from None
    finally:
        store.database.close()
    if as_json:
        told = [{"type": each.kind, "passed": each.passed, "reason": each.told} for each in found]
        click.echo(json.dumps({"passed": all(each.passed for each in found), "trials": told}))
    else:
        for each in found:
            mark = click.style("ok   ", fg="green") if each.passed else click.style("wrong", fg="red")
            click.echo(f"{mark} {each.kind:<18} {each.told}")
    if not all(each.passed for each in found):
        raise SystemExit(1)
