"""Who may decide, and under which name."""

from __future__ import annotations

import pytest

from integration.errors import SigningRefused
from integration.flows.signers import Listed, ReviewTerms, actor_of, reason

LISTED = ReviewTerms(meanings=("approved",), signers={"ada": Listed("Dr Ada Rossi", ("urn:x", "1"))})
NOBODY = ReviewTerms(meanings=("approved",))
LOCAL = ReviewTerms(meanings=("approved",), local_names=True)


def test_a_token_signs_under_its_listed_name():
    """Whatever is typed."""
    person = LISTED.at_the_web("user:ada", "Somebody Else")
    assert ("Dr Ada Rossi", "ada", ("urn:x", "1")) == (person.name, person.login, person.number)
    assert "user:ada" == actor_of(person)


@pytest.mark.parametrize(("terms", "actor"), [
    (LISTED, "user:eve"), (NOBODY, "user:ada"), (LISTED, "127.0.0.1"), (NOBODY, "127.0.0.1"), (LOCAL, "user:ada"),
])  # fmt: skip
def test_others_are_refused(terms, actor):
    """Another token, or nobody at all."""
    assert not terms.may_sign(actor)
    with pytest.raises(SigningRefused):
        terms.at_the_web(actor, "Dr Ada Rossi")


@pytest.mark.parametrize("name", ["", " ", "A", "x" * 201, "Ada\x00Rossi", "Ada\u202eRossi"])
def test_a_name_is_a_name(name):
    """Of a length that can be read, without marks that hide or turn it."""
    with pytest.raises(SigningRefused):
        LOCAL.at_the_web("127.0.0.1", name)
    assert "Ada Rossi" == LOCAL.at_the_web("127.0.0.1", "  Ada   Rossi ").name


def test_a_shell_names_its_user():
    """Where signers are listed, a login; else the name that is given."""
    assert ("Dr Ada Rossi", "root") == (
        LISTED.at_the_shell("ada", shell_user="root").name, LISTED.at_the_shell("ada", shell_user="root").shell_user,
    )  # fmt: skip
    assert "user:root" == actor_of(NOBODY.at_the_shell("Dr Eve", shell_user="root"))
    with pytest.raises(SigningRefused):
        LISTED.at_the_shell("Dr Ada Rossi", shell_user="root")


def test_meanings_and_reasons():
    """Of the settings; and something that somebody reads."""
    assert "approved" == NOBODY.meaning("approved")
    assert "because it is so" == reason("  because \n it is so ")
    for wrong in ("", "Approved"):
        with pytest.raises(SigningRefused):
            NOBODY.meaning(wrong)
    for wrong in ("", " \n", "x" * 2001):
        with pytest.raises(SigningRefused):
            reason(wrong)
