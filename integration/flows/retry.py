"""What a failed attempt means: one table from exception type to verdict, total over all that we raise."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from inference import errors as inference_errors
from integration import errors
from integration.states import Attempt
from mappers.domain.issues import Refused

#: RETRY: the same attempt may succeed later. PARK: only a human can decide.
VERDICTS: Mapping[type[Exception], Attempt] = MappingProxyType(
    {
        errors.NotDelivered: Attempt.RETRY,
        errors.DestinationUnreachable: Attempt.RETRY,
        errors.DestinationSilent: Attempt.RETRY,
        errors.DestinationBusy: Attempt.RETRY,
        errors.SigningRefused: Attempt.PARK,
        errors.DestinationRefused: Attempt.PARK,
        errors.StoreUnavailable: Attempt.RETRY,
        errors.Conflict: Attempt.PARK,
        errors.EarlierMissing: Attempt.PARK,
        errors.BlobCorrupt: Attempt.PARK,
        errors.NotFound: Attempt.PARK,
        errors.AuditBroken: Attempt.PARK,
        errors.DocumentRefused: Attempt.PARK,
        errors.DocumentUnreachable: Attempt.RETRY,
        errors.StudyUnsettled: Attempt.RETRY,
        errors.SettingsInvalid: Attempt.PARK,
        inference_errors.BackendUnavailable: Attempt.RETRY,
        inference_errors.BackendMisconfigured: Attempt.PARK,
        inference_errors.InputRefused: Attempt.PARK,
        inference_errors.OutputInvalid: Attempt.PARK,
        inference_errors.ReaderMissing: Attempt.PARK,
        errors.AddressRefused: Attempt.PARK,
        errors.RemoteError: Attempt.PARK,
        errors.RemoteUnavailable: Attempt.RETRY,
        errors.RemoteAmbiguous: Attempt.PARK,
        errors.RemoteRefused: Attempt.PARK,
        errors.RemoteForbidden: Attempt.PARK,
        errors.RemoteMissing: Attempt.PARK,
        errors.RemoteConflict: Attempt.PARK,
        errors.RemoteUnreadable: Attempt.PARK,
        Refused: Attempt.PARK,
    }
)


def verdict(error: Exception) -> Attempt:
    """The verdict on an error; a type that the table does not know is a bug and parks."""
    for kind in type(error).__mro__:
        if kind in VERDICTS:
            return VERDICTS[kind]
    return Attempt.PARK


#: Errors that an operator sees under a name of their own.
_REASONS: Mapping[type[Exception], str] = MappingProxyType(
    {
        errors.Conflict: "conflict",
        errors.EarlierMissing: "earlier-missing",
        errors.BlobCorrupt: "payload-corrupt",
        errors.SettingsInvalid: "channel-unknown",
        inference_errors.BackendMisconfigured: "model-misconfigured",
        inference_errors.BackendUnavailable: "model-unavailable",
        errors.DocumentUnreachable: "document-unreachable",
        errors.StudyUnsettled: "study-unsettled",
        errors.AddressRefused: "foreign-address",
        errors.RemoteUnavailable: "server-unavailable",
        errors.RemoteAmbiguous: "server-silent",
        errors.RemoteForbidden: "server-forbids",
        errors.RemoteRefused: "server-refuses",
        errors.RemoteUnreadable: "server-unreadable",
    }
)


def reason(error: Exception) -> str:
    """The code of why an attempt failed, for logs, audit and operators."""
    usual = "store-unavailable" if verdict(error) is Attempt.RETRY else "unexpected"
    return _REASONS.get(type(error), usual)


def delay_seconds(attempt: int) -> float:
    """Pause before the next attempt: 1 s doubling to 5 minutes. `attempt` counts from 1."""
    return float(min(300, 2 ** min(attempt - 1, 9)))
