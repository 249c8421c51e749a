"""The sequence number protocol: where a link stands after each message, on disk with it."""

from __future__ import annotations

import pytest

from integration.states import MessageState
from integration.store.records import MessageFilter
from mappers.domain.acknowledgement import Verdict

AA, AE, AR = Verdict.ACCEPTED, Verdict.ERROR, Verdict.REJECTED


class Link:
    """A sender that numbers its messages."""

    def __init__(self, store, **more: object) -> None:
        self.store = store
        self.more = more
        self.made = 0

    def send(self, number: int, name: str | None = None, **more: object) -> tuple[Verdict, int | None]:
        """Verdict and MSA-4; each message has a content of its own unless it is named."""
        self.made += 1
        name = name or f"message {self.made}"
        receipt = self.store.submit(
            name.encode(), control_id=name, sequence_number=number, **self.more | more
        )
        return receipt.verdict, receipt.expected_sequence_number


def states(store) -> dict[str, MessageState]:
    return {each.control_id: each.state for each in store.inbox.list(MessageFilter())}


def test_the_first_number_is_taken_as_it_is(store):
    """And counted on from there."""
    link = Link(store)

    assert [(AA, 7), (AA, 8), (AA, 9)] == [link.send(7), link.send(8), link.send(9)]


def test_a_link_starts_with_zero(store):
    """-1 while no number is known, then the next one; what only asks is kept and not processed."""
    link = Link(store)

    assert (AA, -1) == link.send(0, "ask")
    link.send(41)
    assert (AA, 42) == link.send(0, "ask again")
    assert (AA, 42) == link.send(42)
    assert [MessageState.PROCESSED] * 2 == [states(store)[name] for name in ("ask", "ask again")]
    assert 2 == len(store.inbox.undispatched())


def test_minus_one_forgets(store):
    """The next number of any size is the new beginning."""
    link = Link(store)
    link.send(100)

    assert (AA, -1) == link.send(-1)
    assert (AA, 3) == link.send(3)


def test_a_gap_is_rejected(store):
    """Kept, and MSA-4 says what is missing; sent again in its turn it is accepted."""
    link = Link(store)
    link.send(1)

    assert (AR, 2) == link.send(3, "three")
    assert (AR, 2) == link.send(3, "three")
    assert [MessageState.REFUSED] == [states(store)["three"]]
    assert [(AA, 2), (AA, 3)] == [link.send(2), link.send(3, "three")]


def test_a_lost_answer_is_given_again(store):
    """The same message under its old number: accepted before, not processed again, MSA-4 is one greater."""
    link = Link(store)
    link.send(1, "one")
    link.send(2, "two")

    assert [(AA, 3), (AA, 3)] == [link.send(2, "two"), link.send(1, "one")]
    assert 2 == len(states(store))


def test_an_old_number_for_another_message_is_rejected(store):
    """Nothing is lost: it is kept, and its sender is told that it did not count."""
    link = Link(store)
    link.send(1)
    link.send(2)

    assert (AR, 3) == link.send(1, "other")
    assert MessageState.REFUSED is states(store)["other"]


@pytest.mark.parametrize("verdict", [AE, AR])
def test_what_the_door_refuses_does_not_count(store, verdict):
    """The link stays where it was."""
    link = Link(store)
    link.send(1)

    assert (verdict, 2) == link.send(2, verdict=verdict)
    assert (AA, 2) == link.send(2)
    assert (verdict, -1) == Link(store, sender="OTHER|HOSP").send(5, verdict=verdict)


def test_links_are_apart(store):
    """By sender and by channel."""
    links = [Link(store), Link(store, sender="OTHER|HOSP"), Link(store, channel="other")]
    for number, link in enumerate(links, start=1):
        link.send(number * 10, f"{number}")

    assert [(AA, 11), (AA, 21), (AA, 31)] == [
        link.send(number * 10 + 1) for number, link in enumerate(links, start=1)
    ]


def test_numbers_hold_within_one_commit(store):
    """A gap in a batch that is committed at once is seen, and what follows in order is accepted."""
    arrivals = [
        store.arrival(b"%d" % n, control_id=f"{n}", sequence_number=number)
        for n, number in enumerate([1, 2, 4, 3, 4])
    ]
    receipts = store.database.write(lambda c: store.inbox._admit(c, arrivals)).result(timeout=30)

    assert [(AA, 1), (AA, 2), (AR, 3), (AA, 3), (AA, 4)] == [
        (receipt.verdict, receipt.expected_sequence_number) for receipt in receipts
    ]


def test_without_the_protocol_there_is_no_number(store):
    """MSA-4 stays away."""
    assert store.submit().expected_sequence_number is None


def test_the_link_outlives_the_process(make_store, empty_url):
    """Its number is on disk with the message."""
    store = make_store(empty_url)
    Link(store).send(5)
    store.database.close()

    assert (AR, 6) == Link(make_store(empty_url)).send(9, "later")
