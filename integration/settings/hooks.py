"""The table about a hook: where a channel's FHIR server says that something changed."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator

from integration.settings.fhir import Url
from integration.settings.section import Section


class HookSettings(Section):
    """Who may call /hooks/NAME, and how it proves that it is who it says."""

    kind: Literal["local", "header", "hmac", "oidc", "mtls"] = Field(
        default="local",
        description="local: callers on this machine only. header: a secret in a header. hmac: a signature of "
        "the body. oidc: a token of an OpenID provider. mtls: a client certificate.",
    )
    header: str | None = Field(
        default=None,
        description="Header of the secret (else Authorization) or of the signature (else X-Signature).",
    )
    secrets_file: Path | None = Field(
        default=None,
        description="File with accepted secrets, one a line: whole header values, or HMAC secrets.",
    )
    secret: SecretStr | None = Field(
        default=None, description="One secret, for the environment; a file outranks it."
    )
    algorithm: Literal["sha256", "sha384", "sha512"] = Field(
        default="sha256", description="Hash of the HMAC."
    )
    encoding: Literal["hex", "base64"] = Field(default="hex", description="How the signature is written.")
    prefix: str = Field(default="", description="What stands before the signature, e.g. 'sha256='.")
    timestamp_header: str | None = Field(
        default=None,
        description="Header with the moment of signing (Unix seconds or milliseconds); signed is then that "
        "text, `separator` and the body, and what is older than `tolerance_seconds` is refused.",
    )
    separator: str = Field(default=".", description="Between timestamp and body where both are signed.")
    tolerance_seconds: int = Field(
        default=300, ge=1, description="How far off a signed moment may be, in seconds."
    )
    issuer: str | None = Field(default=None, description="Issuer of tokens: https://accounts.google.com.")
    audience: str | None = Field(default=None, description="Audience of tokens: what was told to the sender.")
    jwks_url: Url = Field(
        default=None, description="Key set of the issuer; else its discovery document names it."
    )
    subjects: tuple[str, ...] = Field(
        default=(),
        description="Who may call: verified e-mail or subject of a token; subject of a certificate.",
    )
    subject_header: str | None = Field(
        default=None,
        description="Header in which the proxy (web.behind_proxy) says the subject of the certificate.",
    )
    origins: tuple[str, ...] = Field(
        default=(), description="Origins whose OPTIONS handshake is answered, e.g. eventgrid.azure.net."
    )
    max_body_bytes: int = Field(default=8 * 2**20, ge=1024, description="Largest notification in bytes.")

    @model_validator(mode="after")
    def _complete(self) -> HookSettings:
        if self.kind in {"header", "hmac"} and self.secrets_file is None and self.secret is None:
            raise ValueError(f"{self.kind} needs secrets_file or secret")
        if self.kind == "oidc" and not (self.issuer and self.audience):
            raise ValueError("oidc needs issuer and audience")
        if self.kind == "mtls" and not self.subjects:
            raise ValueError("mtls needs subjects")
        return self
