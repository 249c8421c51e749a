"""From the settings of a channel's DICOMweb server to clients of it, and of the hosts allowed beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from integration.clients.dicomweb import DicomWeb, service_root
from integration.clients.endpoint import Endpoint, Patience
from integration.clients.exchange import Limits
from integration.errors import AddressRefused, WardwireError
from integration.settings import DicomWebSettings, Settings, is_loopback
from integration.web.services import Check
from integration.wiring.fhir_servers import authorization_of, http_client


class ImageSources:
    """The DICOMweb servers of one channel (`flows.ports.ImageSources`); connections are kept."""

    def __init__(self, name: str, settings: DicomWebSettings) -> None:
        self._name = name
        self._settings = settings
        self._known: dict[str, DicomWeb] = {}
        self.main = self._server(settings.base) if settings.base else None

    def at(self, address: str) -> DicomWeb:
        """The server at the address of an Endpoint resource.

        Raises:
            AddressRefused: its host is not allowed, or it is reached without TLS and nobody accepted that.
        """
        root = service_root(address)
        if self.main is not None and root == self.main.base:
            return self.main
        if not self._allows(root):
            raise AddressRefused(f"{self._name}.hosts does not list the host that an Endpoint names")
        return self._known.setdefault(root, self._server(root))

    def _allows(self, root: str) -> bool:
        try:
            parts = urlsplit(root)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return False
        if parts.scheme not in {"http", "https"} or not host or parts.username or parts.password:
            return False
        if parts.scheme == "http" and self._settings.plaintext != "accepted" and not is_loopback(host):
            return False
        listed = {host, f"{host}:{port}"} if port is None else {f"{host}:{port}"}
        usual = {"http": 80, "https": 443}[parts.scheme]
        if port in {None, usual}:
            listed = {host, f"{host}:{usual}"}
        return bool(listed & {each.lower() for each in self._settings.hosts})

    def _server(self, base: str) -> DicomWeb:
        return build_server(self._name, self._settings, base=base)


def build_server(
    name: str, settings: DicomWebSettings, *, base: str, patience: Patience | None = None
) -> DicomWeb:
    """The client of one server. Nothing is sent yet.

    Raises:
        SettingsInvalid: a file that the settings name cannot be used.
    """
    limits = Limits(
        connect_seconds=settings.connect_seconds,
        silent_seconds=settings.answer_seconds,
        total_seconds=8 * settings.answer_seconds,
        max_answer_bytes=settings.max_instance_bytes,
    )
    client = http_client(name, settings.tls, limits)
    endpoint = Endpoint(
        name=name,
        base=base,
        client=client,
        authorization=authorization_of(name, settings.auth, base=base, client=client),
        limits=limits,
        patience=patience or Patience(),
    )
    return DicomWeb(endpoint)


def build_sources(settings: Settings) -> dict[str, ImageSources]:
    """The image servers by channel: of those that name one, or hosts that may be called."""
    return {
        name: ImageSources(f"channels.{name}.dicomweb", channel.dicomweb)
        for name, channel in settings.channels.items()
        if channel.dicomweb.base or channel.dicomweb.hosts
    }


def probes(settings: Settings) -> Iterator[Callable[[], tuple[Check, ...]]]:
    """What `wardwire check` asks the image servers of the channels."""
    for name, channel in settings.channels.items():
        if channel.dicomweb.base is not None:
            yield _probe(f"channels.{name}.dicomweb", channel.dicomweb, channel.dicomweb.base)


def _probe(name: str, settings: DicomWebSettings, base: str) -> Callable[[], tuple[Check, ...]]:
    def probe() -> tuple[Check, ...]:
        try:
            server = build_server(name, settings, base=base, patience=Patience(attempts=1))
            # A study that nobody has: answered with an empty list by whoever lets us search.
            next(server.studies([("StudyInstanceUID", "1.2.3.4.5.6.7.8.9")]), None)
        except WardwireError as error:
            return (Check(name, passed=False, reason=str(error)),)
        return (Check(name, passed=True, reason="it lets us search"),)

    return probe
