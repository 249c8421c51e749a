"""From a file and the environment to settings that can run safely."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from integration.errors import SettingsInvalid
from integration.settings import demonstrations
from integration.settings.destinations import DestinationSettings, Name, RouteSettings
from integration.settings.dicomweb import DicomWebSettings
from integration.settings.fhir import FhirServerSettings
from integration.settings.models import InferenceSettings, ModelSettings, unsafe_hosts
from integration.settings.review import ReviewSettings
from integration.settings.sections import (
    AuditSettings,
    ChannelSettings,
    EngineSettings,
    FolderSettings,
    MllpSettings,
    RetentionSettings,
    SecuritySettings,
    StoreSettings,
    WebSettings,
    is_loopback,
)

FILE_NAME = "wardwire.toml"
#: Settings of a channel whose keys are names that the sender uses.
_OF_THE_SENDERS_WORDS = frozenset(
    name for name, field in ChannelSettings.model_fields.items() if field.annotation == dict[str, str]
)
_DEPTH_OF_A_SETTING = 2  # a channel's name and the setting's
#: What pydantic says of a mistake, in the words of somebody who wrote a settings file.
_WORDS = {"extra_forbidden": "there is no such setting"}


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(
        env_prefix="WARDWIRE_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    demo: bool = Field(
        default=False,
        description="Use the demonstration checkpoints for models that are not configured. Never for "
        "patients: MSH-11 P or none is refused, and what these models say is labelled HTEST.",
    )
    web: WebSettings = Field(default=WebSettings(), description="The HTTP server.")
    store: StoreSettings = Field(default=StoreSettings(), description="Where everything is kept.")
    engine: EngineSettings = Field(default=EngineSettings(), description="The durable execution engine.")
    security: SecuritySettings = Field(default=SecuritySettings(), description="Keys.")
    retention: RetentionSettings = Field(default=RetentionSettings(), description="How long bytes are kept.")
    audit: AuditSettings = Field(default=AuditSettings(), description="The audit trail.")
    mllp: dict[str, MllpSettings] = Field(
        default={"default": MllpSettings()}, description="MLLP listeners by name."
    )
    channels: dict[str, ChannelSettings] = Field(
        default={"default": ChannelSettings()}, description="Feeds by name."
    )
    inference: InferenceSettings = Field(default=InferenceSettings(), description="Reading documents.")
    models: dict[str, ModelSettings] = Field(default={}, description="Models by name.")
    folders: dict[str, FolderSettings] = Field(default={}, description="Watched folders by name.")
    review: ReviewSettings = Field(
        default=ReviewSettings(), description="Drafts and the people who decide about them."
    )
    destinations: dict[Name, DestinationSettings] = Field(
        default={}, description="Places that results are sent to, by name."
    )
    routes: tuple[RouteSettings, ...] = Field(
        default=(), description="Ways to destinations, before those that channels name."
    )

    @field_validator("channels")
    @classmethod
    def _default_channel(cls, channels: dict[str, ChannelSettings]) -> dict[str, ChannelSettings]:
        return {"default": ChannelSettings(), **channels}

    @field_validator("destinations")
    @classmethod
    def _drafts(
        cls, destinations: dict[str, DestinationSettings], info: ValidationInfo
    ) -> dict[str, DestinationSettings]:
        """What a destination does not say of drafts, the review says."""
        review = info.data.get("review", ReviewSettings())
        otherwise = {"drafts": "hold" if review.hold_drafts else "send"}
        return {
            name: each if each.drafts else each.model_copy(update=otherwise)
            for name, each in destinations.items()
        }

    @model_validator(mode="after")
    def _references(self) -> Settings:
        for name, listener in self.mllp.items():
            if listener.channel not in self.channels:
                raise ValueError(f"mllp.{name}.channel names no channel; add [channels.{listener.channel}]")
            for peer, settings in listener.peers.items():
                if settings.subjects and not listener.tls.require_client:
                    raise ValueError(
                        f"mllp.{name}.peers.{peer}.subjects needs mllp.{name}.tls.require_client"
                    )
        for name, folder in self.folders.items():
            if folder.channel not in self.channels:
                raise ValueError(f"folders.{name}.channel names no channel; add [channels.{folder.channel}]")
        for name, channel in self.channels.items():
            if channel.application_acks not in {"return", "never", *self.destinations}:
                text = 'neither "return" nor "never" nor a destination'
                raise ValueError(f"channels.{name}.application_acks is {text}")
            if (to := self.destinations.get(channel.application_acks)) and to.kind == "fhir":
                raise ValueError(f"channels.{name}.application_acks is a FHIR server: it takes no HL7 v2")
        return self

    @model_validator(mode="after")
    def _demonstration(self) -> Settings:
        if not self.demo:
            demonstrations.refuse(self.models)
        return self

    @model_validator(mode="after")
    def _submissions(self) -> Settings:
        name = self.web.submission_channel
        if name not in self.channels:
            raise ValueError(f"web.submission_channel names no channel; add [channels.{name}]")
        return self

    @model_validator(mode="after")
    def _ways(self) -> Settings:
        for number, route in enumerate(self.routes, start=1):
            if route.channel is not None and route.channel not in self.channels:
                raise ValueError(f"routes[{number}].channel names no channel; add [channels.{route.channel}]")
            if route.model is not None and route.model not in self.models_with_demo:
                raise ValueError(f"routes[{number}].model names no model; add [models.{route.model}]")
        ways = {f"channels.{name}": channel.destinations for name, channel in self.channels.items()}
        ways |= {f"routes[{number}]": route.destinations for number, route in enumerate(self.routes, start=1)}
        for place, names in ways.items():
            for name in names:
                if name not in self.destinations:
                    raise ValueError(f"{place} names no destination; add [destinations.{name}]")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment outranks the file; nothing else is read."""
        file = settings_cls.model_config.get("toml_file")
        toml = TomlConfigSettingsSource(settings_cls, toml_file=file)
        return init_settings, env_settings, toml

    @property
    def models_with_demo(self) -> dict[str, ModelSettings]:
        """The models by name, with `demo` those that nobody configured as well."""
        return {**(demonstrations.shipped() if self.demo else {}), **self.models}

    @property
    def models_without_demo(self) -> dict[str, ModelSettings]:
        """The models for what no demonstration can do: values of pages, letters, dictations in order."""
        return demonstrations.without(self.models)

    @property
    def data_folder(self) -> Path:
        """Where files live that have no setting of their own."""
        if self.store.url.startswith("sqlite:///"):
            return Path(self.store.url.removeprefix("sqlite:///")).parent
        return Path("wardwire-data")

    @property
    def blobs(self) -> Path:
        """Folder of encrypted payloads."""
        return self.store.blobs or self.data_folder / "blobs"

    @property
    def key_file(self) -> Path:
        """The key file."""
        return self.security.key_file or self.data_folder / "keys.json"

    @property
    def engine_url(self) -> str:
        """Database of the durable engine: never the same SQLite file as the store's."""
        if self.engine.url:
            return self.engine.url
        if self.store.url.startswith("sqlite:///"):
            return f"sqlite:///{self.data_folder / 'engine.sqlite'}"
        return self.store.url

    @property
    def public_base(self) -> str:
        """URL of the web server as others write it, without a slash at the end."""
        if self.web.public_base:
            return self.web.public_base.rstrip("/")
        scheme = "https" if self.web.tls.certificate else "http"
        return f"{scheme}://{self.web.host}:{self.web.port}"

    @property
    def duplicate_window(self) -> timedelta:
        """How long a resend is recognised."""
        return timedelta(hours=self.store.duplicate_window_hours)


def load(path: Path | None = None) -> Settings:
    """Read the settings file and the environment, and refuse what cannot run safely.

    Args:
        path: settings file; None looks at `WARDWIRE_CONFIG`, then `wardwire.toml` here, then does without.

    Raises:
        SettingsInvalid: a file that is missing or no TOML, an unknown or wrong setting, an unsafe listener.
            The text names every wrong setting and never its value.
    """
    named = path or (Path(os.environ["WARDWIRE_CONFIG"]) if os.environ.get("WARDWIRE_CONFIG") else None)
    if named is not None and not named.is_file():
        raise SettingsInvalid(f"settings file {named} is not there")
    file = named or (Path(FILE_NAME) if Path(FILE_NAME).is_file() else None)

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=file)

    try:
        settings = FromFile()
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(f"{file} is no TOML: {error}") from error
    except UnicodeDecodeError:
        raise SettingsInvalid(f"{file} is no TOML: it is not UTF-8") from None
    except ValidationError as error:
        raise SettingsInvalid("\n".join(_explain(error))) from None
    refuse_unknown_variables(os.environ)
    refuse_unsafe(settings)
    return settings


def _explain(error: ValidationError) -> Iterator[str]:
    for problem in error.errors(include_input=False, include_url=False):
        place = ".".join(str(part) for part in problem["loc"])
        text = _WORDS.get(problem["type"], problem["msg"].removeprefix("Value error, "))
        yield f"{place}: {text}" if place else text


def refuse_unknown_variables(names: Iterable[str]) -> None:
    """Refuse nested variables that would be left out in silence.

    Raises:
        SettingsInvalid: names all that are under no table of ours, or that name a key of the sender's own
            words: variables lose their capitals, which such a key needs.
    """
    problems = [
        f"{name}: {problem}"
        for name in sorted(names)
        if name.startswith("WARDWIRE_") and "__" in name and (problem := _problem(name))
    ]
    if problems:
        raise SettingsInvalid("\n".join(problems))


def _problem(name: str) -> str | None:
    table, *path = name.removeprefix("WARDWIRE_").lower().split("__")
    if table not in Settings.model_fields:
        return "there is no such setting"
    if table == "channels" and len(path) > _DEPTH_OF_A_SETTING and path[1] in _OF_THE_SENDERS_WORDS:
        whole = name.rpartition("__")[0]
        return f"capitals count in it; write {whole} as JSON, or use a settings file"
    return None


def refuse_unsafe(settings: Settings) -> None:
    """Off loopback needs TLS and authentication, or a written acceptance.

    Raises:
        SettingsInvalid: names every unsafe listener and the settings that mend it.
    """
    problems = list(_unsafe(settings))
    if problems:
        raise SettingsInvalid("\n".join(problems))


def _unsafe(settings: Settings) -> Iterator[str]:
    for name, listener in settings.mllp.items():
        if is_loopback(listener.host) or listener.tls.certificate or listener.plaintext == "accepted":
            continue
        yield (
            f"mllp.{name}: listening on {listener.host} without TLS is refused; set mllp.{name}.tls"
            f'.certificate and .key, or mllp.{name}.plaintext = "accepted" if the network itself is protected'
        )
    for name, destination in settings.destinations.items():
        if destination.kind != "mllp" or is_loopback(destination.host):
            continue
        if not (destination.tls.enabled or destination.plaintext == "accepted"):
            yield (
                f"destinations.{name}: sending to {destination.host} without TLS is refused; set"
                f' destinations.{name}.tls.enabled = true, or destinations.{name}.plaintext = "accepted" if'
                " the network itself is protected"
            )
    yield from _unsafe_fhir_servers(settings)
    yield from unsafe_hosts(settings.models)
    web = settings.web
    if not is_loopback(web.host):
        if not (web.tls.certificate or web.behind_proxy):
            yield (
                f"web: listening on {web.host} without TLS is refused; set web.tls.certificate and .key, "
                "or web.behind_proxy = true behind a TLS-terminating proxy"
            )
        if not web.token_file:
            yield f"web: listening on {web.host} without authentication is refused; set web.token_file"


def _unsafe_fhir_servers(settings: Settings) -> Iterator[str]:
    web = settings.web
    for name, channel in settings.channels.items():
        if channel.hook.subject_header and not web.behind_proxy:
            yield f"channels.{name}.hook.subject_header: without web.behind_proxy anybody could write it"
        elif channel.hook.kind == "mtls" and not (channel.hook.subject_header or web.tls.require_client):
            yield f"channels.{name}.hook: mtls needs web.tls.require_client, or a proxy and subject_header"
        if channel.dicomweb.auth.kind == "smart":
            yield f"channels.{name}.dicomweb.auth: smart is for FHIR servers; use basic, bearer or tls"
    servers: dict[str, FhirServerSettings | DicomWebSettings] = {}
    for name, channel in settings.channels.items():
        servers |= {f"channels.{name}.fhir": channel.fhir, f"channels.{name}.dicomweb": channel.dicomweb}
    servers |= {f"destinations.{name}.fhir": each.fhir for name, each in settings.destinations.items()}
    for place, server in servers.items():
        base = server.base or ""
        if not base.startswith("http://") or is_loopback(urlsplit(base).hostname or ""):
            continue
        if server.plaintext != "accepted":
            yield (
                f"{place}.base: a server without TLS is refused; write https, "
                f'or {place}.plaintext = "accepted" if the network itself is protected'
            )
