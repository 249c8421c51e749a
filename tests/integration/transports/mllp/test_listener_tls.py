"""MLLP over TLS, with and without client certificates. The certificates are made here."""

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from integration.transports.mllp.terms import tls_subject
from tests.integration.transports.mllp.conftest import staged, until
from tests.support.mllp_peer import framed, receive, send, to_end

LONG_AGO, LATER = datetime(2020, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=30)


class Authority:
    """A certificate authority that lives as long as the tests."""

    def __init__(self, folder, name="Ward CA"):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.file = folder / f"{name}.pem"
        certificate = self._sign(self.name, self.key, LATER, ca=True)
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, common_name, *, until=LATER):
        """A file with key and certificate of one subject."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "St. Elsewhere, Lab"),
                x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            ]
        )
        file = self.folder / f"{common_name}-{until:%Y}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + self._sign(name, key, until).public_bytes(serialization.Encoding.PEM)
        )
        return file

    def _sign(self, name, key, until, *, ca=False):
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(LONG_AGO)
            .not_valid_after(until)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


def server_context(authority, *, mutual=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(authority.issue("localhost"))
    if mutual:
        context.load_verify_locations(authority.file)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(authority, *, certificate=None):
    context = ssl.create_default_context(cafile=str(authority.file))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context


def test_messages_come_over_tls(run, authority):
    """The same protocol, encrypted; without a client certificate the peer has no subject."""

    async def story():
        async with staged(tls=server_context(authority)) as stage:
            wire = await stage.play(
                send(framed(b"1") + framed(b"2")),
                receive(2),
                send(framed(b"3" * 10**6)),
                receive(3),
                tls=client_context(authority),
                server_hostname="localhost",
            )
            assert wire.answers == [b"ACK 1", b"ACK 2", b"ACK " + b"3" * 10**6]
            assert {None} == {peer.tls_subject for _, peer in stage.door.seen}

    run(story)


def test_mutual_tls_names_the_peer(run, authority):
    """The door learns which certificate a peer proved."""

    async def story():
        certificate = authority.issue("lab-a")
        async with staged(tls=server_context(authority, mutual=True)) as stage:
            wire = await stage.play(
                send(framed(b"1")),
                receive(1),
                tls=client_context(authority, certificate=certificate),
                server_hostname="localhost",
            )
            assert wire.answers == [b"ACK 1"]
            assert stage.door.seen[0][1].tls_subject == "CN=lab-a,O=St. Elsewhere\\, Lab"

    run(story)


@pytest.mark.parametrize("who", ["nobody", "a stranger", "the late lab-b"])
def test_mutual_tls_keeps_strangers_out(run, authority, tmp_path, who):
    """No certificate, one of another authority, one that has expired: none gets a frame to the door."""
    certificate = {
        "nobody": lambda: None,
        "a stranger": lambda: Authority(tmp_path, "Other CA").issue("lab-x"),
        "the late lab-b": lambda: authority.issue("lab-b", until=datetime(2024, 1, 1, tzinfo=UTC)),
    }[who]()

    async def story():
        async with staged(tls=server_context(authority, mutual=True)) as stage:
            context = client_context(authority, certificate=certificate)
            try:
                wire = await stage.play(
                    send(framed(b"1")), to_end(), tls=context, server_hostname="localhost"
                )
                received = wire.received
            except (ssl.SSLError, ConnectionError):
                received = b""
            assert received == b""
            await until(lambda: stage.counters.handshakes_failed == 1)
            await until(lambda: "handshake_failed" in stage.door.events())
            assert stage.door.seen == []

    run(story)


def test_plain_text_on_a_tls_port_hurts_nobody(run, authority):
    """A sender without TLS is let go, and the next one with it is served."""

    async def story():
        async with staged(tls=server_context(authority)) as stage:
            await stage.play(send(framed(b"MSH|plain")), to_end())
            await until(lambda: stage.counters.handshakes_failed == 1)
            wire = await stage.play(
                send(framed(b"1")), receive(1), tls=client_context(authority), server_hostname="localhost"
            )
            assert wire.answers == [b"ACK 1"]
            assert [payload for payload, _ in stage.door.seen] == [b"1"]

    run(story)


def test_a_handshake_that_does_not_end_gives_its_place_back(run, authority):
    """A peer that connects and says nothing is let go, and counts as a connection until then."""

    async def story():
        limits = {"max_connections": 1, "handshake_seconds": 0.1}
        async with staged(tls=server_context(authority), **limits) as stage:
            silent = stage.playing(to_end())
            await until(lambda: stage.counters.connections_accepted == 1)
            assert (await stage.play(to_end())).received == b""
            assert stage.counters.connections_refused == 1
            await silent
            await until(lambda: stage.counters.handshakes_failed == 1)
            wire = await stage.play(
                send(framed(b"1")), receive(1), tls=client_context(authority), server_hostname="localhost"
            )
            assert wire.answers == [b"ACK 1"]

    run(story)


def test_drain_closes_tls_connections_and_handshakes(run, authority):
    """Answered over TLS before the end; a handshake under way is given up."""

    async def story():
        async with staged(tls=server_context(authority)) as stage:
            stage.door.opened.clear()
            silent = stage.playing(to_end())
            context = client_context(authority)
            busy = stage.playing(send(framed(b"1")), to_end(), tls=context, server_hostname="localhost")
            await until(lambda: stage.door.in_hand == 1 and stage.counters.connections_accepted == 2)
            draining = asyncio.create_task(stage.listener.drain(within=20))
            await silent
            stage.door.opened.set()
            assert (await busy).answers == [b"ACK 1"]
            assert await draining is True

    run(story)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (None, None),
        ({}, None),
        ({"subject": ()}, None),
        ({"subject": ((("commonName", "a"),),)}, "CN=a"),
        ({"subject": ((("organizationName", "o"),), (("commonName", "a"),))}, "CN=a,O=o"),
        ({"subject": ((("commonName", "a,O=o"),),)}, "CN=a\\,O\\=o"),
        ({"subject": ((("commonName", "a"), ("userId", "7")),)}, "CN=a+UID=7"),
        ({"subject": ((("commonName", " #a "),),)}, "CN=\\ #a\\ "),
    ],
)
def test_subjects_are_written_so_that_they_cannot_be_confused(subject, expected):
    """RFC 4514, most specific name first, special characters escaped."""
    assert tls_subject(subject) == expected


def test_a_tls_peer_that_half_closes_is_let_go(run, authority, caplog):
    """It asked for no more; its message is stored all the same, and it will ask again."""

    async def story():
        async with staged(tls=server_context(authority)) as stage:
            stage.door.opened.clear()

            def say_goodbye(wire):
                with contextlib.suppress(OSError):
                    wire.socket.unwrap()

            playing = stage.playing(
                send(framed(b"1")), say_goodbye, tls=client_context(authority), server_hostname="localhost"
            )
            await playing
            stage.door.opened.set()
            await until(lambda: stage.counters.connections == 0)
            assert [payload for payload, _ in stage.door.seen] == [b"1"]

    run(story)
    assert caplog.messages == []
