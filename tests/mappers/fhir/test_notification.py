"""Notifications of every style become one form; what is none is refused, and no trick passes."""

from __future__ import annotations

import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappers.domain.issues import Refused
from mappers.fhir.hook_request import KEPT, HookRequest, parse
from mappers.fhir.notification import Change, Focus, Kind, Notification
from mappers.fhir.notification_reader import read

STUDY = {"resourceType": "ImagingStudy", "id": "s1", "meta": {"versionId": "3"}, "status": "available"}
JSON = {"content-type": "application/fhir+json"}


def post(body, **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read(HookRequest("POST", headers={**JSON, **headers}, body=raw))


def only(notification: Notification):
    (event,) = notification.events
    return event


def backport(kind="event-notification", *events, entries=(), numbers="12"):
    """A history Bundle of the backport IG, as its examples are."""
    parameters = [
        {
            "name": "subscription",
            "valueReference": {"reference": "https://ehr.example/fhir/Subscription/sub"},
        },
        {"name": "topic", "valueCanonical": "http://example.org/topic"},
        {"name": "status", "valueCode": "active"},
        {"name": "type", "valueCode": kind},
        {"name": "events-since-subscription-start", "valueString": numbers},
    ]
    for number, focus in events:
        part = [
            {"name": "event-number", "valueString": number},
            {"name": "timestamp", "valueInstant": "2026-11-22T10:00:00Z"},
        ]
        if focus:
            part.append({"name": "focus", "valueReference": {"reference": focus}})
        parameters.append({"name": "notification-event", "part": part})
    status = {"resourceType": "Parameters", "parameter": parameters}
    return {
        "resourceType": "Bundle",
        "type": "history",
        "entry": [
            {
                "fullUrl": "urn:uuid:x",
                "resource": status,
                "request": {"method": "GET", "url": "Subscription/sub/$status"},
            },
            *({"resource": each} for each in entries),
        ],
    }


def r5(kind="event-notification", *events):
    return {
        "resourceType": "Bundle",
        "type": "subscription-notification",
        "entry": [
            {
                "resource": {
                    "resourceType": "SubscriptionStatus",
                    "status": "active",
                    "type": kind,
                    "eventsSinceSubscriptionStart": "12",
                    "subscription": {"reference": "Subscription/sub"},
                    "notificationEvent": [
                        {"eventNumber": number, "focus": {"reference": focus}} for number, focus in events
                    ],
                }
            }
        ],
    }


def test_a_rest_hook_with_payload():
    """The pushed resource says what was written, in which version."""
    notification = post(STUDY)

    assert ("payload", "#ImagingStudy/s1/3") == (notification.style, notification.key)
    assert (Focus("ImagingStudy", "s1", "3"), Change.WRITTEN) == (
        only(notification).focus,
        only(notification).change,
    )


@pytest.mark.parametrize("body", [b"", b"  \r\n", b"{}"])
def test_a_rest_hook_without_payload_says_only_that_something_changed(body):
    """R4: an absent payload is an empty POST. Nothing names it, so it is no repeat of another."""
    notification = post(body)

    assert ("empty", None, "") == (notification.style, only(notification).focus, notification.key)


def test_hapi_puts_and_deletes_below_the_hook():
    """PUT …/{Type}/{id} and DELETE …/{Type}/{id}."""
    put = read(HookRequest("PUT", "ImagingStudy/s1", JSON, json.dumps(STUDY).encode()))
    deleted = read(HookRequest("DELETE", "x/ImagingStudy/s1"))

    assert (Focus("ImagingStudy", "s1", "3"), Change.WRITTEN) == (only(put).focus, only(put).change)
    assert (Focus("ImagingStudy", "s1"), Change.DELETED) == (only(deleted).focus, only(deleted).change)
    assert "" == deleted.key


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("", STUDY),
        ("ImagingStudy", STUDY),
        ("imagingstudy/s1", STUDY),
        ("Media/s1", STUDY),
        ("ImagingStudy/s2", STUDY),
    ],
)
def test_a_put_whose_path_and_body_disagree_is_refused(path, body):
    """Which of the two is meant cannot be known."""
    with pytest.raises(Refused):
        read(HookRequest("PUT", path, JSON, json.dumps(body).encode()))


def test_medplum_names_its_subscription_and_what_was_deleted():
    """X-Medplum headers, with `{}` as the body of a deletion."""
    written = post(STUDY, **{"x-medplum-subscription": "sub", "x-medplum-interaction": "update"})
    deleted = post(
        b"{}", **{"x-medplum-subscription": "sub", "x-medplum-deleted-resource": "ImagingStudy/s1"}
    )

    assert ("medplum", "Subscription/sub") == (written.style, written.subscription)
    assert (Focus("ImagingStudy", "s1"), Change.DELETED) == (only(deleted).focus, only(deleted).change)


@pytest.mark.parametrize("kind", ["handshake", "heartbeat"])
@pytest.mark.parametrize("make", [backport, r5])
def test_signs_of_life(kind, make):
    """No events, and the counter as it stands."""
    notification = post(make(kind))

    assert (Kind(kind), 12, "active", ()) == (
        notification.kind, notification.events_since_start, notification.status, notification.events
    )  # fmt: skip
    assert notification.subscription.endswith("Subscription/sub")


def test_a_backport_notification_by_id():
    """Numbers and foci; the base of an absolute reference is kept apart."""
    notification = post(
        backport(
            "event-notification",
            ("11", "https://ehr.example/fhir/ImagingStudy/s1"),
            ("12", "Media/m1/_history/2"),
        )
    )
    first, second = notification.events

    assert (11, Focus("ImagingStudy", "s1", "", "https://ehr.example/fhir")) == (first.number, first.focus)
    assert (12, Focus("Media", "m1", "2")) == (second.number, second.focus)
    assert "https://ehr.example/fhir/Subscription/sub#11:ImagingStudy/s1/,12:Media/m1/2" == notification.key


def test_a_backport_notification_with_resources_takes_their_versions():
    """full-resource: the version comes from what was pushed, the content never does."""
    notification = post(backport("event-notification", ("12", "ImagingStudy/s1"), entries=[STUDY]))

    assert Focus("ImagingStudy", "s1", "3") == only(notification).focus


def test_a_backport_notification_of_nothing():
    """empty: the number alone, or not even that."""
    assert (12, None) == (only(post(backport("event-notification", ("12", None)))).number, None)
    assert None is only(post(backport())).focus


def test_an_r5_notification():
    """SubscriptionStatus tells it, not the type of the Bundle."""
    notification = post(r5("event-notification", ("12", "ImagingStudy/s1")) | {"type": "history"})

    assert ("status", 12, Focus("ImagingStudy", "s1")) == (
        notification.style, only(notification).number, only(notification).focus
    )  # fmt: skip


AZURE = {
    "id": "e-1",
    "source": "/subscriptions/x",
    "specversion": "1.0",
    "type": "Microsoft.HealthcareApis.FhirResourceUpdated",
    "data": {
        "resourceType": "ImagingStudy",
        "resourceFhirAccount": "ward.fhir.azurehealthcareapis.com",
        "resourceFhirId": "s1",
        "resourceVersionId": 3,
    },
}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (AZURE, {"content-type": "application/cloudevents+json; charset=utf-8"}),
        ([AZURE], {"content-type": "application/cloudevents-batch+json"}),
        ([{**AZURE, "type": None, "eventType": AZURE["type"]}], {"content-type": "application/json"}),
        (AZURE["data"], {"content-type": "application/json", "ce-type": AZURE["type"], "ce-id": "e-1"}),
    ],
    ids=["structured", "batched", "Event Grid schema", "binary"],
)
def test_azure_in_its_four_forms(body, headers):
    """Type, id, version, the account as the base, and the event's own id as its mark."""
    notification = post(body, **headers)

    assert (
        Focus("ImagingStudy", "s1", "3", "https://ward.fhir.azurehealthcareapis.com")
        == only(notification).focus
    )
    assert "#e-1" == notification.key


def test_event_grid_asks_for_its_code():
    """The validation event is answered with what it carries."""
    event = {
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": {"validationCode": "AB-12"},
    }

    assert (Kind.VALIDATION, "AB-12") == (post([event]).kind, post([event]).code)


STORE = "projects/p/locations/l/datasets/d/fhirStores/f"


@pytest.mark.parametrize("data", [f"{STORE}/fhir/ImagingStudy/s1", json.dumps(STUDY)])
@pytest.mark.parametrize(
    ("action", "change"), [("CreateResource", Change.WRITTEN), ("DeleteResource", Change.DELETED)]
)
def test_google_pushes_a_name_or_a_resource(data, action, change):
    """The store is the base; the message id is the mark."""
    attributes = {"action": action, "resourceType": "ImagingStudy", "storeName": STORE, "versionId": "v3"}
    message = {"attributes": attributes, "data": base64.b64encode(data.encode()).decode(), "messageId": "77"}
    notification = post({"message": message, "subscription": "projects/p/subscriptions/s"})

    base = f"https://healthcare.googleapis.com/v1/{STORE}/fhir"
    assert (Focus("ImagingStudy", "s1", "v3", base), change) == (
        only(notification).focus,
        only(notification).change,
    )
    assert "projects/p/subscriptions/s#77" == notification.key


@pytest.mark.parametrize(
    "body",
    [
        b"<Bundle/>",
        b"\xff\xfe",
        b'"text"',
        b'{"resourceType":"ImagingStudy","id":"a","id":"b"}',
        b'{"a":' * 100_000,
        b"[" * 100_000,
        b"[]",
        b"[7]",
        b'[{"eventType":"Microsoft.Storage.BlobCreated"}]',
        b"{} , {}",
        {"resourceType": "ImagingStudy"},
        {"resourceType": "ImagingStudy", "id": "../../x"},
        {"resourceType": "ImagingStudy", "id": 7},
        {"id": "x"},
        {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": STUDY}]},
        {"resourceType": "Bundle"},
        {"resourceType": "Bundle", "entry": [None, 7]},
        backport("surprise"),
        {
            "message": {"data": "!!", "attributes": {"action": "CreateResource", "storeName": STORE}},
            "subscription": "x",
        },
        {"message": {"attributes": {"action": "Drop", "storeName": STORE}}, "subscription": "x"},
        {
            "message": {"attributes": {"action": "CreateResource", "storeName": "http://evil/"}},
            "subscription": "x",
        },
    ],
)
def test_what_notifies_of_nothing_is_refused(body):
    """No JSON, tricks in it, or something else: refused without a value of it in the text."""
    with pytest.raises(Refused) as caught:
        post(body)
    assert "evil" not in caught.value.issue.text


@pytest.mark.parametrize(
    "reference",
    [
        "#contained",
        "urn:uuid:7d8f2a90",
        "Patient?identifier=x",
        "ftp://h/Patient/1",
        "Patient/../x",
        "Patient/1/x",
        "",
    ],
)
def test_a_focus_that_is_no_literal_reference_is_no_focus(reference):
    """The event stays, as one that does not say what changed."""
    assert None is only(post(backport("event-notification", ("1", reference)))).focus


def test_numbers_that_are_none_are_not_counted():
    """Neither negative, nor words, nor without end."""
    for text in ("-1", "one", "9" * 40, "", "1.5"):
        assert None is only(post(backport("event-notification", (text, "Media/1")))).number


@given(
    st.sampled_from(["POST", "PUT", "DELETE"]),
    st.from_regex(r"[A-Za-z0-9\-._~/]{0,40}", fullmatch=True).map(lambda path: path.strip("/")),
    st.dictionaries(st.sampled_from(sorted(KEPT)), st.from_regex(r"[ -~]{0,40}", fullmatch=True)),
    st.binary(max_size=200),
)
def test_a_request_is_read_as_it_was_kept(method, path, headers, body):
    """Whatever the body holds, line ends and headers of its own included."""
    request = HookRequest(method, path, headers, body)

    assert request == parse(request.encode())


@pytest.mark.parametrize(
    "request_",
    [
        HookRequest("GET"),
        HookRequest("POST", "a b"),
        HookRequest("POST", "a\r\nx: y"),
        HookRequest("POST", headers={"content-type": "a\r\nx: y"}),
        HookRequest("POST", headers={"authorization": "Bearer x"}),
        HookRequest("POST", headers={"content-type": "é"}),
    ],
)
def test_what_could_be_read_otherwise_is_not_kept(request_):
    """No line end enters the head, no credential is kept."""
    with pytest.raises(ValueError, match="hook"):
        request_.encode()


@given(st.binary(max_size=300))
def test_any_bytes_are_a_request_or_refused(raw):
    """Nothing else comes of reading."""
    with contextlib.suppress(Refused):
        assert raw == parse(raw).encode()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["Parameters", "Bundle", "type", "handshake"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["resourceType", "id", "meta", "entry", "resource", "parameter", "name", "part", "valueCode", "type",
             "subscription", "message", "attributes", "data", "notificationEvent", "focus", "versionId"]
        ),
        inner, max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@given(_JSON, st.sampled_from([{}, {"ce-type": "x"}, {"content-type": "application/cloudevents+json"}]))
def test_any_json_is_a_notification_or_refused(body, headers):
    """Nothing that can be written as JSON makes the reader stumble."""
    try:
        notification = post(json.dumps(body).encode(), **headers)
    except Refused:
        return
    assert notification.kind in Kind
    assert isinstance(notification.key, str)
