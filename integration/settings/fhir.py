"""The tables about a FHIR server that Wardwire calls."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from integration.settings.section import Section, TlsSettings

#: SMART system scopes for what Wardwire reads and, if it is let, writes.
_SCOPE = (
    "system/ImagingStudy.rs system/Media.rs system/DocumentReference.rs system/Binary.r system/Patient.rs "
    "system/ServiceRequest.rs"
)


def _base(url: str | None) -> str | None:
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("not an absolute http(s) URL without query")
    if parts.username or parts.password:
        raise ValueError("a URL is no place for a password: set auth instead")
    return url.rstrip("/")


Url = Annotated[str | None, AfterValidator(_base)]


class FhirAuthSettings(Section):
    """How Wardwire proves to a FHIR server who it is."""

    kind: Literal["none", "basic", "bearer", "smart"] = Field(
        default="none",
        description="none (or the client certificate of tls), basic, bearer, or SMART Backend Services.",
    )
    user: str | None = Field(default=None, description="User name of basic.")
    secret_file: Path | None = Field(
        default=None,
        description="File with the password of basic or the token of bearer; may be replaced at run time.",
    )
    secret: SecretStr | None = Field(
        default=None, description="The same, for the environment; a file outranks it."
    )
    client_id: str | None = Field(
        default=None, description="Client id of smart, as the server registered it."
    )
    keys: tuple[Path, ...] = Field(
        default=(),
        description="PEM files of the private keys of smart (EC P-384 or RSA): the first signs, all are "
        "published at /.well-known/jwks.json, so that a new one can be added before an old one goes.",
    )
    scope: str = Field(
        default=_SCOPE, description="Scopes to ask for, separated by blanks; all must be granted."
    )
    token_url: Url = Field(
        default=None, description="Token endpoint; else it is found by smart-configuration."
    )

    @model_validator(mode="after")
    def _complete(self) -> FhirAuthSettings:
        if self.kind in {"basic", "bearer"} and self.secret_file is None and self.secret is None:
            raise ValueError(f"{self.kind} needs secret_file or secret")
        if self.kind == "basic" and not self.user:
            raise ValueError("basic needs user")
        if self.kind == "smart" and not (self.client_id and self.keys):
            raise ValueError("smart needs client_id and keys")
        return self


class SubscriptionSettings(Section):
    """What `wardwire subscribe` asks of a FHIR server."""

    style: Literal["auto", "r4", "backport", "r5"] = Field(
        default="auto",
        description="Form of the Subscription: r4 (criteria), backport (R4, a topic), r5. auto: without a "
        "topic r4; with one r5 or backport, as the server's version is.",
    )
    kinds: tuple[Literal["DocumentReference", "ImagingStudy", "Media"], ...] = Field(
        default=("DocumentReference", "ImagingStudy", "Media"),
        description="Resource types to be told of; in r4 each has a Subscription of its own.",
    )
    topic: str | None = Field(
        default=None, description="Canonical URL of the topic, for backport and r5: the server lists its own."
    )
    endpoint: Url = Field(
        default=None, description="URL of the hook as the server reaches it; else web.public_base/hooks/NAME."
    )
    heartbeat_seconds: int = Field(
        default=300, ge=1, description="Signs of life to ask for, where the form has them."
    )
    days: int | None = Field(
        default=None, ge=1, description="Lifetime to ask for; it is renewed before its end. Else without end."
    )
    check_seconds: float = Field(
        default=60.0, gt=0, description="Pause between two looks at how it stands at the server."
    )


class PollSettings(Section):
    """Looking for what is new at a server that tells nobody."""

    seconds: float | None = Field(
        default=None,
        gt=0,
        description="Pause between two looks; without it the server is only caught up with.",
    )
    kinds: tuple[Literal["DocumentReference", "ImagingStudy", "Media"], ...] = Field(
        default=("DocumentReference", "ImagingStudy", "Media"), description="Resource types to look for."
    )
    since: date | None = Field(
        default=None,
        description="Day (UTC) from which on to take what the server has; else from the first start on.",
    )


class FhirServerSettings(Section):
    """A FHIR R4 server."""

    base: Url = Field(
        default=None,
        description="Base URL, e.g. https://ehr.example/fhir. Resources are read here and nowhere else.",
    )
    plaintext: Literal["refused", "accepted"] = Field(
        default="refused", description="A base off loopback without TLS must be accepted in writing here."
    )
    auth: FhirAuthSettings = Field(default=FhirAuthSettings(), description="Who Wardwire is to this server.")
    tls: TlsSettings = Field(
        default=TlsSettings(), description="Client certificate, and who signs the server's."
    )
    subscription: SubscriptionSettings = Field(
        default=SubscriptionSettings(), description="How `wardwire subscribe` subscribes there."
    )
    poll: PollSettings = Field(
        default=PollSettings(), description="Polling, for a server that tells nobody of what is new."
    )
    catch_up_seconds: float = Field(
        default=300.0,
        gt=0,
        description="Pause between two looks at what changed, for lost notifications or none at all.",
    )
    connect_seconds: float = Field(default=5.0, gt=0, description="Time for a connection to stand.")
    answer_seconds: float = Field(
        default=30.0, gt=0, description="Longest silence while an answer is awaited."
    )
    max_answer_bytes: int = Field(
        default=64 * 2**20,
        ge=2**16,
        description="Longest answer in bytes, unpacked; longer ones are refused.",
    )
