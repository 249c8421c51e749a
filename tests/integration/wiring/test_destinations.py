"""From the settings of destinations to what is really built; what cannot work is refused by name."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from integration.clients.couriers import FolderCourier, MllpCourier
from integration.errors import SettingsInvalid
from integration.flows.deliver import Patience
from integration.settings import Settings, load
from integration.store.records import Undispatched
from integration.wiring.deliveries import build_queues, job_of
from integration.wiring.destinations import build_addressing, build_couriers, build_patience
from mappers.hl7v2.delimiters import Delimiters
from tests.integration.transports.mllp.test_listener_tls import Authority

FILE = """
[destinations.ehr]
host = "127.0.0.1"
port = 2600
connections = 3
version = "2.3"
character_set = "8859/1"
delimiters = "|^~\\\\&"
receiving_application = "EHR^1.2.3^ISO"
max_rejections = 2
give_up_hours = 12

[destinations.files]
kind = "folder"
path = "out"
message = "MDM_T02"
drafts = "send"

[channels.lab]
destinations = ["ehr"]

[[routes]]
channel = "lab"
message_type = "ORU^R30"
destinations = []

[[routes]]
message_type = "ORU^R32"
destinations = ["files", "ehr"]
"""


def settings(tmp_path: Path, text: str = FILE) -> Settings:
    file = tmp_path / "wardwire.toml"
    file.write_text(text, encoding="utf-8")
    return load(file)


def test_what_was_agreed_with_a_recipient(tmp_path):
    """Version, character set, delimiters and names reach the writer."""
    ehr = build_addressing(settings(tmp_path)).destinations["ehr"]

    assert ("2.3", "8859/1", Delimiters()) == (
        ehr.recipient.version, ehr.recipient.character_set, ehr.recipient.delimiters,
    )  # fmt: skip
    assert ("EHR^1.2.3^ISO", "ORU_R01", False) == (ehr.recipient.receiving_application, ehr.form, ehr.drafts)


@pytest.mark.parametrize(
    ("channel", "trigger", "expected"),
    [
        ("lab", "ORU^R01", ["ehr"]),
        ("lab", "ORU^R30", []),
        ("lab", "ORU^R32", ["files", "ehr"]),
        ("default", "ORU^R30", []),
    ],
)
def test_routes_go_before_channels(tmp_path, channel, trigger, expected):
    """In the order of the file."""
    assert expected == [each.name for each in build_addressing(settings(tmp_path)).of(channel, trigger)]


def test_couriers_and_their_patience(tmp_path):
    """One for each destination, and how long it is waited for."""
    built = settings(tmp_path)
    kinds = {name: type(courier) for name, courier in build_couriers(built).items()}

    assert {"ehr": MllpCourier, "files": FolderCourier} == kinds
    assert Patience(2, timedelta(hours=12)) == build_patience(built)["ehr"]


def test_a_queue_for_each_destination(tmp_path):
    """As wide as its connections; a delivery's job goes to its own, in the order of its commits."""
    assert [("deliver.ehr", 3), ("deliver.files", 1)] == [
        (queue.name, queue.concurrency) for queue in build_queues(settings(tmp_path))
    ]
    job = job_of(Undispatched("d-1", 7, "k:1", "ehr", "ORU_R01", 2))
    assert ("deliver.ehr", "k.1", 8, 2) == (job.queue, job.partition, job.priority, job.round)


def changed(old: str, new: str) -> str:
    assert old in FILE
    return FILE.replace(old, new)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (changed('destinations = ["ehr"]', 'destinations = ["her"]'), r"channels.lab names no destination"),
        (changed('["files", "ehr"]', '["flies"]'), r"routes\[2\] names no destination"),
        (changed('channel = "lab"', 'channel = "bal"'), r"routes\[1\].channel names no channel"),
        (changed('path = "out"', ""), r"destinations.files: .* needs a path"),
        (changed("[destinations.ehr]", '[destinations."e h r"]'), r"destinations"),
        (changed('version = "2.3"', 'version = "2.2"'), r"destinations.ehr.version"),
        (changed("127.0.0.1", "10.1.2.3"), r"destinations.ehr: sending to 10.1.2.3 without TLS is refused"),
    ],
)
def test_what_cannot_work_is_refused_by_name(tmp_path, text, named):
    """Before anything starts."""
    with pytest.raises(SettingsInvalid, match=named):
        settings(tmp_path, text)


@pytest.mark.parametrize(
    "more", ['plaintext = "accepted"', "[destinations.ehr.tls]\nenabled = true"], ids=["accepted", "tls"]
)
def test_off_loopback_with_tls_or_a_written_acceptance(tmp_path, more):
    """The network is protected, or the connection is."""
    text = changed('host = "127.0.0.1"', 'host = "10.1.2.3"').replace(
        "[destinations.files]", f"{more}\n[destinations.files]"
    )

    assert "10.1.2.3" == settings(tmp_path, text).destinations["ehr"].host


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (changed('"8859/1"', '"CNS 11643-1992"'), "destinations.ehr.character_set"),
        (changed('"8859/1"', '"UNICODE UTF-16"'), "destinations.ehr.character_set"),
        (changed('"|^~\\\\&"', '"|^^\\\\&"'), "destinations.ehr.delimiters"),
        (changed('"|^~\\\\&"', '"ABCDE"'), "destinations.ehr.delimiters"),
    ],
)
def test_what_cannot_be_written_is_refused_by_name(tmp_path, text, named):
    """When the roles are built."""
    with pytest.raises(SettingsInvalid, match=named):
        build_addressing(settings(tmp_path, text))


def test_tls_of_a_destination(tmp_path):
    """Names are verified, old protocols are not spoken; files that do not fit are refused."""
    from integration.settings import ClientTlsSettings
    from integration.wiring.destinations import client_tls

    authority = Authority(tmp_path)
    own = authority.issue("wardwire")
    context = client_tls(
        ClientTlsSettings(enabled=True, ca=authority.file, certificate=own), name="destinations.ehr"
    )

    assert context is not None
    assert context.check_hostname
    assert (ssl.CERT_REQUIRED, ssl.TLSVersion.TLSv1_2) == (context.verify_mode, context.minimum_version)
    assert client_tls(ClientTlsSettings(), name="x") is None
    with pytest.raises(SettingsInvalid, match=r"destinations\.ehr\.tls"):
        client_tls(ClientTlsSettings(enabled=True, ca=tmp_path / "none.pem"), name="destinations.ehr")
