"""Settings of doors: what is refused before anything listens, by name and with the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.errors import SettingsInvalid
from integration.settings import Settings, load
from integration.transports.mllp.terms import Peer
from integration.wiring.doors import admission_of
from integration.wiring.terms import build_terms


def settings_of(folder: Path, text: str) -> Settings:
    file = folder / "wardwire.toml"
    file.write_text(text, encoding="utf-8")
    return load(file)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[mllp.lab.peers.a]\naddresses = ["10.1.0.0/33"]', "write for example 10.1.0.0/16"),
        ('[mllp.lab.peers.a]\naddresses = ["10.1.2.3/16"]', "write for example 10.1.0.0/16"),
        (
            '[mllp.lab.peers.a]\nsubjects = ["CN=a"]',
            "mllp.lab.peers.a.subjects needs mllp.lab.tls.require_client",
        ),
        ("[mllp.lab]\nrelease = 3", "mllp.lab.release"),
        ("[mllp.lab]\nmessages_per_second = 0", "mllp.lab.messages_per_second"),
        ('[mllp.lab]\nchannel = "gone"', "mllp.lab.channel names no channel"),
        ('[mllp.lab]\nhost = "0.0.0.0"', 'mllp.lab.plaintext = "accepted"'),
        ('[channels.lab]\napplication_acks = "gone"', "channels.lab.application_acks is neither"),
        ('[channels.lab]\nacknowledgement_mode = "loud"', "channels.lab.acknowledgement_mode"),
        ("[folders.share]", "folders.share.path"),
        ('[folders.share]\npath = "x"\nchannel = "gone"', "folders.share.channel names no channel"),
        ('[folders.share]\npath = "x"\nmax_bytes = 1', "folders.share.max_bytes"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    """Each mistake by the name of its setting."""
    with pytest.raises(SettingsInvalid) as refused:
        settings_of(tmp_path, text)

    assert expected in str(refused.value)


def test_guests_of_a_listener(tmp_path: Path) -> None:
    """Addresses, subjects and limits reach the listener."""
    found = settings_of(
        tmp_path,
        """
        [mllp.lab]
        messages_per_second = 5
        tls = {certificate = "c.pem", key = "k.pem", ca = "a.pem", require_client = true}
        [mllp.lab.peers.analyser]
        addresses = ["10.1.0.0/16", "fd00::/8"]
        subjects = ["CN=analyser-1,O=Ward"]
        max_message_bytes = 4096
        """,
    )
    admission = admission_of(found.mllp["lab"])

    assert (True, False) == (admission.may_knock("10.1.2.3"), admission.may_knock("10.2.0.1"))
    visit = admission.admit(Peer("10.1.2.3", 1, "CN=analyser-1,O=Ward"), now=0)
    assert visit is not None
    assert (4096, True) == (visit.max_message_bytes, visit.pace is not None)
    assert admission.admit(Peer("10.1.2.3", 1), now=0) is None


def test_terms_of_a_channel(tmp_path: Path) -> None:
    """How it acknowledges reaches the door; a destination may take application acknowledgements."""
    found = settings_of(
        tmp_path,
        """
        [channels.a]
        application_acks = "lis"
        sequence_numbers = true
        [channels.b]
        acknowledgement_mode = "original"
        application_acks = "never"
        [destinations.lis]
        kind = "folder"
        path = "out"
        """,
    )
    terms = build_terms(found)

    told = {
        name: (each.original_mode, each.application_acks, each.sequence_numbers)
        for name, each in terms.items()
    }
    assert {
        "default": (False, "return", False),
        "a": (False, "lis", True),
        "b": (True, "never", False),
    } == told
