"""What the tables of the settings file have in common."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A table of the settings file; unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TlsSettings(Section):
    """Certificates of a listener or of a client."""

    certificate: Path | None = Field(default=None, description="PEM file with the certificate chain.")
    key: Path | None = Field(default=None, description="PEM file with the private key.")
    ca: Path | None = Field(
        default=None, description="PEM file with the authorities that may sign the other side's certificate."
    )
    require_client: bool = Field(
        default=False, description="Mutual TLS: refuse peers without a certificate signed by `ca`."
    )
