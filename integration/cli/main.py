"""The command group: each command lives in a module of its own and is imported only when it is called."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import version
from pathlib import Path

import click

from integration.errors import WardwireError

#: Command -> module and attribute. Importing none of them keeps `--help` and the listener light.
COMMANDS = {
    "serve": "integration.cli.roles:serve",
    "mllp": "integration.cli.roles:mllp",
    "web": "integration.cli.roles:web",
    "work": "integration.cli.roles:work",
    "convert": "integration.cli.convert:convert",
    "labs": "integration.cli.labs:labs",
    "read": "integration.cli.read:read",
    "models": "integration.cli.models:models",
    "transcribe": "integration.cli.transcribe:transcribe",
    "evaluate": "integration.cli.evaluate:evaluate",
    "send": "integration.cli.send:send",
    "messages": "integration.cli.messages:messages",
    "deliveries": "integration.cli.deliveries:deliveries",
    "destinations": "integration.cli.destinations:destinations",
    "subscribe": "integration.cli.subscribe:subscribe",
    "unsubscribe": "integration.cli.subscribe:unsubscribe",
    "review": "integration.cli.review:review",
    "audit": "integration.cli.audit:audit",
    "check": "integration.cli.check:check",
    "migrate": "integration.cli.check:migrate",
    "demo": "integration.cli.demo:demo",
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The commands in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, or None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("wardwire"), prog_name="wardwire")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=None,
    help="Settings file; else WARDWIRE_CONFIG, else ./wardwire.toml, else the defaults.",
)
@click.pass_context
def wardwire(ctx: click.Context, config: Path | None) -> None:
    """Wardwire: HL7 v2 and FHIR in, medical AI drafts with provenance out.

    \b
    Example:
      wardwire serve
      wardwire send result.hl7 --host 127.0.0.1 --port 2575
    """
    ctx.obj = config


def main() -> None:
    """Run the command line; a named error is one clear line and exit code 1, bad settings exit 2."""
    from integration.errors import SettingsInvalid

    try:
        wardwire.main(prog_name="wardwire", standalone_mode=True)
    except SettingsInvalid as error:
        click.echo(f"wardwire: settings: {error}", err=True)
        sys.exit(2)
    except WardwireError as error:
        click.echo(f"wardwire: {error}", err=True)
        sys.exit(1)
