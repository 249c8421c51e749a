"""`wardwire send`: an MLLP client, and with a rate a load generator."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import uuid
from pathlib import Path

import click

from integration.clients.mllp import Acknowledgement, MllpError, Receiver, Sender
from integration.clients.mllp_load import Load, Report


def _context(ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(ca) if ca else None)
        if certificate is not None:
            context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError):
        raise click.UsageError("a certificate, key or CA file cannot be used") from None
    return context


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to.")
@click.option("--port", default=2575, show_default=True, type=click.IntRange(1, 65535), help="Where to.")
@click.option("--tls", "over_tls", is_flag=True, help="Connect with TLS; the receiver's name is verified.")
@click.option("--tls-ca", type=click.Path(path_type=Path, exists=True), help="Authorities to trust.")
@click.option("--tls-certificate", type=click.Path(path_type=Path, exists=True), help="For mutual TLS.")
@click.option("--tls-key", type=click.Path(path_type=Path, exists=True), help="Of that certificate.")
@click.option("--timeout", default=30.0, show_default=True, help="Seconds to wait for an answer.")
@click.option(
    "--rate", type=click.FloatRange(min=0.01), help="Messages due in a second: a load in open loop."
)
@click.option("--connections", default=1, show_default=True, type=click.IntRange(1), help="Open at once.")
@click.option(
    "--repeat", default=1, show_default=True, type=click.IntRange(1), help="Send all so many times."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def send(  # noqa: PLR0913  # one parameter an option
    file: Path,
    host: str,
    port: int,
    *,
    over_tls: bool,
    tls_ca: Path | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
    timeout: float,
    rate: float | None,
    connections: int,
    repeat: int,
    as_json: bool,
) -> None:
    """Send every HL7 v2 message of FILE over MLLP and print each acknowledgement.

    With --rate, --connections or --repeat the messages become a load: each gets a control id of its own,
    and a report is printed (sent, AA, AE, AR, no answer, p50, p99). Exit code 1 unless all were accepted.

    \b
    Example:
      wardwire send result.hl7 --host 127.0.0.1 --port 2575
      wardwire send result.hl7 --rate 100 --connections 8 --repeat 1000
    """
    messages = _messages(file)
    receiver = Receiver(
        host=host,
        port=port,
        tls=_context(tls_ca, tls_certificate, tls_key) if over_tls or tls_ca or tls_certificate else None,
        answer_seconds=timeout,
    )
    if rate is None and connections == 1 and repeat == 1:
        _send_each(messages, receiver, as_json=as_json)
        return
    tag = uuid.uuid4().hex[:8].upper()
    load = Load(
        receiver=receiver, messages=messages, repeat=repeat, connections=connections, rate=rate, tag=tag
    )
    _print_report(asyncio.run(load.run()), as_json=as_json)


def _messages(file: Path) -> list[bytes]:
    from mappers.hl7v2.tokens import split_batch

    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise click.FileError(str(file), hint=error.strerror or "cannot be read") from None
    # Editors turn the carriage returns that end segments into line feeds; on the wire they are CR.
    return [
        message.content.replace(b"\r\n", b"\r").replace(b"\n", b"\r") for message in split_batch(raw).value
    ]


def _send_each(messages: list[bytes], receiver: Receiver, *, as_json: bool) -> None:
    accepted = 0
    with Sender(receiver) as sender:
        for message in messages:
            try:
                answer = sender.send(message)
            except MllpError as error:
                click.echo(f"wardwire: {error}", err=True)
                break
            accepted += answer.accepted
            _print_answer(answer, as_json=as_json)
    if accepted < len(messages):
        sys.exit(1)


def _print_answer(answer: Acknowledgement, *, as_json: bool) -> None:
    text = answer.raw.decode("utf-8", "backslashreplace")
    if as_json:
        told = {"code": answer.code, "control_id": answer.control_id, "seconds": round(answer.seconds, 6)}
        click.echo(json.dumps({**told, "acknowledgement": text}))
    else:
        click.echo(text.replace("\r", "\n").rstrip() + "\n")


def _print_report(report: Report, *, as_json: bool) -> None:
    told = report.as_dict()
    if as_json:
        click.echo(json.dumps(told))
    else:
        width = max(map(len, told))
        for name, value in told.items():
            click.echo(f"{name:<{width}}  {value}")
    if report.codes.get("AA", 0) + report.codes.get("CA", 0) < report.planned:
        sys.exit(1)
