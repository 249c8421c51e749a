"""What can be configured, with its default, its type and its meaning. The only reader of the environment.

One `wardwire.toml`, overridden by `WARDWIRE_*` with `__` for nesting:
`WARDWIRE_MLLP__DEFAULT__PORT=2576` is `[mllp.default] port = 2576`. No file at all is a complete setting:
one MLLP channel on loopback, results in the embedded store, readable at `/fhir`.
"""

from integration.settings.destinations import ClientTlsSettings, DestinationSettings, RouteSettings
from integration.settings.dicomweb import DicomWebSettings
from integration.settings.environment import environment_of_child, metrics_folder, share_metrics
from integration.settings.fhir import FhirAuthSettings, FhirServerSettings, SubscriptionSettings
from integration.settings.hooks import HookSettings
from integration.settings.loading import Settings, load, refuse_unsafe
from integration.settings.models import InferenceSettings, ModelHostSettings, ModelSettings
from integration.settings.reference import describe, example_toml
from integration.settings.review import ReviewSettings, SignerSettings
from integration.settings.section import TlsSettings
from integration.settings.sections import (
    ChannelSettings,
    FolderSettings,
    MllpSettings,
    StoreSettings,
    WebSettings,
    is_loopback,
)

__all__ = [
    "ChannelSettings",
    "ClientTlsSettings",
    "DestinationSettings",
    "DicomWebSettings",
    "FhirAuthSettings",
    "FhirServerSettings",
    "FolderSettings",
    "HookSettings",
    "InferenceSettings",
    "MllpSettings",
    "ModelHostSettings",
    "ModelSettings",
    "ReviewSettings",
    "RouteSettings",
    "Settings",
    "SignerSettings",
    "StoreSettings",
    "SubscriptionSettings",
    "TlsSettings",
    "WebSettings",
    "describe",
    "environment_of_child",
    "example_toml",
    "is_loopback",
    "load",
    "metrics_folder",
    "refuse_unsafe",
    "share_metrics",
]
