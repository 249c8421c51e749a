"""From the settings of a FHIR server to a client of it, and to the keys that the world may see."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpx2

from integration.clients import authorization, capability
from integration.clients.authorization import Anonymous, Authorization
from integration.clients.endpoint import Endpoint, Patience
from integration.clients.exchange import Limits, timeouts
from integration.clients.fhir import FhirServer
from integration.errors import SettingsInvalid, WardwireError
from integration.settings import FhirAuthSettings, FhirServerSettings, Settings, TlsSettings
from integration.web.services import Check

#: What a channel reads from its server.
SOURCES = ("DocumentReference", "ImagingStudy", "Media")


def client_tls(settings: TlsSettings, *, name: str) -> ssl.SSLContext:
    """The TLS of a client: the server's certificate is always checked.

    Raises:
        SettingsInvalid: the files cannot be read or do not fit each other.
    """
    try:
        context = ssl.create_default_context(cafile=settings.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.certificate is not None:
            context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ssl.SSLError):
        raise SettingsInvalid(f"{name}.tls: the certificate, key or ca file cannot be used") from None
    return context


def build_fhir_server(
    name: str, settings: FhirServerSettings, *, patience: Patience | None = None
) -> FhirServer | None:
    """The client of a server; None where none is configured. Nothing is sent yet.

    Args:
        name: of the table in the settings, e.g. "channels.ehr.fhir".
        settings: that table.
        patience: how long a call goes on trying; None means as a worker does.

    Raises:
        SettingsInvalid: a file that the settings name cannot be used.
    """
    endpoint = build_endpoint(name, settings, patience=patience)
    return FhirServer(endpoint) if endpoint else None


def build_endpoint(
    name: str, settings: FhirServerSettings, *, patience: Patience | None = None
) -> Endpoint | None:
    """The HTTP client of a server; arguments and errors as `build_fhir_server`."""
    if settings.base is None:
        return None
    limits = Limits(
        connect_seconds=settings.connect_seconds,
        silent_seconds=settings.answer_seconds,
        total_seconds=4 * settings.answer_seconds,
        max_answer_bytes=settings.max_answer_bytes,
    )
    client = http_client(name, settings.tls, limits)
    return Endpoint(
        name=name,
        base=settings.base,
        client=client,
        authorization=authorization_of(name, settings.auth, base=settings.base, client=client),
        limits=limits,
        patience=patience or Patience(),
    )


def http_client(name: str, tls: TlsSettings, limits: Limits) -> httpx2.Client:
    """A client of one server."""
    # The environment's proxies are no settings of ours.
    return httpx2.Client(verify=client_tls(tls, name=name), timeout=timeouts(limits), trust_env=False)


def authorization_of(name: str, auth: FhirAuthSettings, *, base: str, client: httpx2.Client) -> Authorization:
    """Who Wardwire is to a server."""
    match auth.kind:
        case "basic":
            return authorization.basic(auth.user or "", _secret(name, auth))
        case "bearer":
            return authorization.bearer(_secret(name, auth))
        case "smart":
            # Only who uses SMART loads what signs.
            from integration.clients.signing_keys import read_key
            from integration.clients.smart import BackendServices, Client

            who = Client(
                client_id=auth.client_id or "",
                key=read_key(auth.keys[0]),
                scope=auth.scope,
                token_url=auth.token_url,
            )
            return BackendServices(name=name, base=base, client=who, http=client)
        case "none":
            return Anonymous()


def _secret(name: str, auth: FhirAuthSettings) -> Callable[[], str]:
    def read() -> str:
        if auth.secret_file is None:
            assert auth.secret is not None
            return auth.secret.get_secret_value()
        try:
            text = auth.secret_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise SettingsInvalid(f"{name}.auth.secret_file cannot be read") from None
        if not text.isprintable() or not text:
            raise SettingsInvalid(f"{name}.auth.secret_file must hold one line")
        return text

    return read


def published_keys(settings: Settings) -> dict[str, Any]:
    """The JWK set of /.well-known/jwks.json: the public half of every key that some server may ask for.

    Raises:
        SettingsInvalid: a key file cannot be used.
    """
    servers = [each.fhir for each in settings.channels.values()]
    servers += [each.fhir for each in settings.destinations.values()]
    paths = dict.fromkeys(path for server in servers for path in server.auth.keys)
    if not paths:
        return {"keys": []}
    from integration.clients.signing_keys import jwks, read_key

    return jwks(map(read_key, paths))


def probes(settings: Settings) -> Iterator[Callable[[], tuple[Check, ...]]]:
    """What `wardwire check` asks the FHIR servers of the channels."""
    for name, channel in settings.channels.items():
        if channel.fhir.base is not None:
            yield _probe(f"channels.{name}.fhir", channel.fhir)


def _probe(name: str, settings: FhirServerSettings) -> Callable[[], tuple[Check, ...]]:
    def probe() -> tuple[Check, ...]:
        try:
            server = build_fhir_server(name, settings, patience=Patience(attempts=1))
            assert server is not None
            offered = capability.read(server.capabilities())
            for kind in SOURCES:
                # The statement is open to all; a count of nothing shown proves that we may ask.
                next(server.pages(kind, [("_summary", "count")]))
        except WardwireError as error:
            return (Check(name, passed=False, reason=str(error)),)
        return tuple(
            # What is not required is told, and wrong only where something else needs it.
            Check(f"{name} {each.name}", passed=each.passed or not each.required, reason=each.reason)
            for each in capability.judge(offered, sources=SOURCES)
        )

    return probe
