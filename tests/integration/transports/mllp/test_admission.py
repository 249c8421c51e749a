"""Who may connect to a listener, and how fast each may send."""

import ipaddress
import threading

import pytest

from integration.transports.mllp.admission import Admission, Guest, Pace
from integration.transports.mllp.terms import Peer, Refusal
from tests.integration.transports.mllp.conftest import staged, until
from tests.integration.transports.mllp.test_listener_tls import Authority, client_context, server_context
from tests.support.mllp_peer import framed, receive, send, to_end
from tests.support.mllp_peer import until as wait

LAB = "CN=lab-a,O=St. Elsewhere\\, Lab"


def guest(name="lab", *networks, **more):
    return Guest(name=name, addresses=tuple(map(ipaddress.ip_network, networks)), **more)


@pytest.mark.parametrize(
    ("networks", "host", "expected"),
    [
        ((), "10.1.2.3", True),
        (("10.1.2.3/32",), "10.1.2.3", True),
        (("10.1.2.3/32",), "10.1.2.4", False),
        (("10.1.0.0/16", "fd00::/8"), "10.1.255.1", True),
        (("10.1.0.0/16", "fd00::/8"), "fd12::1", True),
        (("10.1.0.0/16",), "fd12::1", False),
        (("fe80::/10",), "fe80::1%eth0", True),
        (("10.1.0.0/16",), "", False),
    ],
)
def test_addresses(networks, host, expected):
    """One address, a network, either family; what is no address is in none."""
    assert expected == Admission([guest("lab", *networks)]).may_knock(host)
    assert expected == (Admission([guest("lab", *networks)]).admit(Peer(host, 1), now=0) is not None)


def test_a_subject_is_proved_not_claimed():
    """Who has no certificate, or another one, does not get in; the address still has to fit."""
    admission = Admission([guest("lab", "10.0.0.0/8", subjects=frozenset({LAB}))])

    assert admission.may_knock("10.1.2.3")
    assert admission.admit(Peer("10.1.2.3", 1, LAB), now=0) is not None
    assert admission.admit(Peer("10.1.2.3", 1, None), now=0) is None
    assert admission.admit(Peer("10.1.2.3", 1, "CN=lab-b"), now=0) is None
    assert admission.admit(Peer("192.168.1.1", 1, LAB), now=0) is None


def test_the_first_guest_that_fits_decides():
    """A narrow guest before a wide one."""
    admission = Admission(
        [guest("one", "10.1.2.3/32", max_message_bytes=5), guest("all", max_message_bytes=9)]
    )

    assert [5, 9] == [
        admission.admit(Peer(host, 1), now=0).max_message_bytes for host in ("10.1.2.3", "10.1.2.4")
    ]


def test_a_rate_belongs_to_a_peer_not_to_a_connection():
    """Connections of one address share the listener's rate; those of a guest share the guest's."""
    each = Admission(messages_per_second=1)
    first, again, other = (
        each.admit(Peer(host, 1), now=0).pace for host in ("10.0.0.1", "10.0.0.1", "10.0.0.2")
    )
    assert (True, False) == (first is again, first is other)

    named = Admission([guest("all", messages_per_second=1)])
    assert named.admit(Peer("10.0.0.1", 1), now=0).pace is named.admit(Peer("10.0.0.2", 1), now=0).pace
    assert Admission().admit(Peer("10.0.0.1", 1), now=0).pace is None


def test_rates_of_peers_that_rest_are_forgotten():
    """Ten thousand addresses do not stay in memory, and one that is over its rate is remembered."""
    admission = Admission(messages_per_second=1)
    busy = admission.admit(Peer("busy", 1), now=0).pace
    assert (0.0, 1.0) == (busy.take(0), busy.take(0))
    for number in range(10_000):
        admission.admit(Peer(f"peer-{number}", 1), now=0.5)

    assert len(admission._paces) <= 1025
    assert busy is admission.admit(Peer("busy", 1), now=0.5).pace


def test_a_pace():
    """A second's worth at once, then one at a time; a pause is never saved up for more than a second."""
    pace = Pace(2.0, now=0)

    assert [0.0, 0.0, 0.5] == [pace.take(0) for _ in range(3)]
    assert [0.0, 0.5] == [pace.take(0.5) for _ in range(2)]
    assert [0.0, 0.0, 0.5] == [pace.take(100) for _ in range(3)]


def test_a_slow_pace():
    """Less than one in a second still begins with one."""
    pace = Pace(0.1, now=0)

    assert [0.0, 10.0] == [pace.take(0) for _ in range(2)]


def test_strangers_do_not_get_a_handshake(run):
    """An address that is on no list is closed at once."""

    async def story():
        async with staged(admission=Admission([guest("lab", "192.0.2.0/24")])) as stage:
            wire = await stage.play(send(framed(b"1")), to_end())
            assert b"" == wire.received
            assert (1, 0) == (stage.counters.connections_refused, stage.counters.connections_accepted)
            await until(lambda: "turned_away" in stage.door.events())
            assert [] == stage.door.seen

    run(story)


def test_a_certificate_that_is_on_no_list(run, tmp_path):
    """Proved by our authority and yet not invited: told by name of ours, no message gets to the door."""
    authority = Authority(tmp_path)

    async def story():
        admission = Admission([guest("lab", subjects=frozenset({LAB}))])
        async with staged(tls=server_context(authority, mutual=True), admission=admission) as stage:
            contexts = [
                client_context(authority, certificate=authority.issue(name)) for name in ("lab-a", "lab-b")
            ]
            invited = await stage.play(
                send(framed(b"1")), receive(1), tls=contexts[0], server_hostname="localhost"
            )
            assert [b"ACK 1"] == invited.answers
            stranger = await stage.play(
                send(framed(b"2")), to_end(), tls=contexts[1], server_hostname="localhost"
            )
            assert [] == stranger.answers
            await until(lambda: "not_admitted" in stage.door.events())
            assert [b"1"] == [payload for payload, _ in stage.door.seen]

    run(story)


def test_a_guest_has_a_size_of_its_own(run):
    """Longer is refused with the guest's limit, though the listener would bear it."""

    async def story():
        limits = []

        def refuse(_head, refusal, limit):
            limits.append((refusal, limit))
            return b"NACK"

        async with staged(admission=Admission([guest("lab", max_message_bytes=4)]), refuse=refuse) as stage:
            wire = await stage.play(send(framed(b"1234") + framed(b"12345")), receive(2))
            assert [b"ACK 1234", b"NACK"] == wire.answers
            assert [(Refusal.OVERSIZE, 4)] == limits

    run(story)


def test_who_sends_too_fast_waits(run):
    """Nothing is refused and the order stays; the peer is read no further than its rate allows."""

    async def story():
        async with staged(admission=Admission(messages_per_second=20)) as stage:
            wire = await stage.play(send(b"".join(framed(b"%d" % n) for n in range(30))), receive(30))
            assert [b"ACK %d" % n for n in range(30)] == wire.answers
            assert stage.counters.throttled >= 5

    run(story)


def test_who_goes_while_it_waits_is_let_go(run):
    """What it had sent is still taken, in its turn, and its connection does not stay."""

    async def story():
        done = threading.Event()
        async with staged(admission=Admission(messages_per_second=1)) as stage:
            playing = stage.playing(send(framed(b"1") + framed(b"2")), receive(1), wait(done))
            await until(lambda: stage.counters.throttled == 1)
            done.set()
            assert [b"ACK 1"] == (await playing).answers
            await until(lambda: stage.counters.connections == 0)
            assert [b"1", b"2"] == [payload for payload, _ in stage.door.seen]

    run(story)
