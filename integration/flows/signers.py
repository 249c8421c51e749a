"""Who may decide about a draft, and under which name. A model's word is final by nobody else's hand.

| who comes | the settings list signers | then |
|---|---|---|
| with a token | and them | they sign under the name that is listed for them |
| with a token | and not them, or nobody | refused |
| from this machine, without tokens | whatever | under the name they give, if `review.local_names` allows it |
| from a shell | nobody | under the name they give; the user of the operating system is recorded |
| from a shell | somebody | under the name listed for the login they give; the same is recorded |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from integration.errors import SigningRefused
from mappers.fhir.signing import Person

#: Longest name under a report, and longest reason.
_LONGEST_NAME, _LONGEST_REASON = 200, 2000
_USER = "user:"
_SHORTEST_NAME = 2


@dataclass(frozen=True, slots=True)
class Listed:
    """A signer of the settings: name as it stands under a report, and their number where they have one."""

    name: str
    number: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewTerms:
    """What the settings say of reviews.

    Attributes:
        meanings: what a signature may mean.
        signers: by login: the name of their token.
        local_names: without tokens, callers of this machine sign under the name they give.
    """

    meanings: tuple[str, ...]
    signers: Mapping[str, Listed] = field(default_factory=dict)
    local_names: bool = False

    def at_the_web(self, actor: str, typed: str = "") -> Person:
        """Who acts through the pages.

        Args:
            actor: as the web authenticated them: "user:NAME" by a token, else an address of this machine.
            typed: the name that they give.

        Raises:
            SigningRefused: they may not, or give no name.
        """
        if actor.startswith(_USER):
            return self._listed(actor.removeprefix(_USER))
        if not self.local_names:
            raise SigningRefused(
                "nobody is authenticated: set web.token_file and list signers under [review.signers]"
            )
        return Person(name=_name(typed))

    def at_the_shell(self, given: str, *, shell_user: str) -> Person:
        """Who acts from a shell.

        Raises:
            SigningRefused: no name is given, or none that is listed where some are.
        """
        if self.signers:
            listed = self._listed(given)
            return Person(name=listed.name, login=listed.login, number=listed.number, shell_user=shell_user)
        return Person(name=_name(given), shell_user=shell_user)

    def may_sign(self, actor: str) -> bool:
        """Whether who comes through the pages may decide at all."""
        return actor.removeprefix(_USER) in self.signers if actor.startswith(_USER) else self.local_names

    def name_of(self, actor: str) -> str:
        """The name that an authenticated caller signs under; "" where they have to give one."""
        listed = self.signers.get(actor.removeprefix(_USER)) if actor.startswith(_USER) else None
        return listed.name if listed else ""

    def meaning(self, given: str) -> str:
        """A meaning of a signature.

        Raises:
            SigningRefused: the settings do not list it.
        """
        if given not in self.meanings:
            listed = ", ".join(f'"{each}"' for each in self.meanings)
            raise SigningRefused(f"a signature means one of: {listed}")
        return given

    def _listed(self, login: str) -> Person:
        listed = self.signers.get(login)
        if listed is None:
            raise SigningRefused("they may look and not sign: [review.signers] does not list them")
        return Person(name=listed.name, login=login, number=listed.number)


def reason(given: str) -> str:
    """Why a draft was rejected or amended.

    Raises:
        SigningRefused: nothing is said, or too much.
    """
    said = " ".join(given.split())
    if not said or len(said) > _LONGEST_REASON:
        raise SigningRefused(f"a reason is needed, of at most {_LONGEST_REASON} characters")
    return said


def actor_of(person: Person) -> str:
    """How the audit trail names them: the login, else the shell's user, else the name they gave."""
    if person.login:
        return f"{_USER}{person.login}"
    if person.shell_user:
        return f"{_USER}{person.shell_user}"
    return f"{_USER}{person.name}"


def _name(given: str) -> str:
    name = " ".join(given.split())
    if not _SHORTEST_NAME <= len(name) <= _LONGEST_NAME or not name.isprintable():
        raise SigningRefused("a signature needs the name of a person")
    return name
