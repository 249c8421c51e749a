"""`wardwire review`: drafts from the shell. Patient data goes to standard output alone, and is on record."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, TypeVar

import click

from integration.cli.stores import pass_settings_and_store
from integration.flows.review import Done, Reviews
from integration.flows.review_acts import Amendment, Decision
from integration.flows.review_case import Case, sections
from integration.settings import Settings
from integration.wiring.review import build_reviews
from integration.wiring.stores import Store
from mappers.fhir import amending, spoken
from mappers.fhir.report_sheet import row

F = TypeVar("F", bound=Callable[..., Any])


def pass_reviews(command: F) -> F:
    """Give a command the reviews of the open store as its first argument."""

    @pass_settings_and_store
    def with_reviews(settings: Settings, store: Store, *arguments: Any, **options: Any) -> Any:
        return command(build_reviews(settings, store), *arguments, **options)

    # The same arguments as the command has, but for the first: mypy cannot know.
    return update_wrapper(with_reviews, command)  # type: ignore[return-value]


def _deciding(command: F) -> F:
    """The options of every decision."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--confirm", is_flag=True, help="You know what changed since it was drafted."),
        click.option("--seen", required=True, help="What `show` printed as seen: what you looked at."),
        click.option(
            "--as", "name", required=True, help="Who decides: a login of [review.signers], or a name."
        ),
    ):
        command = option(command)
    return command


@click.group()
def review() -> None:
    """List drafts, look at them, sign, reject or amend them.

    \b
    Example:
      wardwire review list
      wardwire review show 1c5e…
      wardwire review sign 1c5e… --as ada --meaning "reviewed and approved" --seen 60f1…
    """


@review.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one draft a line.")
@pass_reviews
def list_reviews(reviews: Reviews, *, limit: int, as_json: bool) -> None:
    """List what waits for a person, newest first.

    \b
    Example:
      wardwire review list --json
    """
    cases = reviews.waiting(limit=limit)
    reviews.tell_viewed(_actor(), cases)
    for case in cases:
        click.echo(json.dumps(_head(case)) if as_json else _line(case))
    if not cases and not as_json:
        click.echo("nothing waits for a person")


@review.command()
@click.argument("key", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_reviews
def show(reviews: Reviews, key: str, *, as_json: bool) -> None:
    """Show a draft: its results with the words of the source, its doubts, what changed since.

    \b
    Example:
      wardwire review show 1c5e…
    """
    case = reviews.show(key)
    reviews.tell_viewed(_actor(), [case])
    if as_json:
        click.echo(json.dumps(as_dict(case), ensure_ascii=False))
    else:
        _print(case)


@review.command()
@click.argument("key", metavar="ID")
@click.option("--meaning", required=True, help="What the signature means: one of review.meanings.")
@_deciding
@pass_reviews
def sign(  # noqa: PLR0913  # one parameter an option
    reviews: Reviews, *, key: str, meaning: str, name: str, seen: str, confirm: bool, as_json: bool
) -> None:
    """Make a draft final under your name.

    \b
    Example:
      wardwire review sign 1c5e… --as "Dr Ada Rossi" --meaning "reviewed and approved" --seen 60f1…
    """
    _tell(reviews.sign(key, _decision(reviews, name, seen, meaning, confirm=confirm)), "signed", as_json)


@review.command()
@click.argument("key", metavar="ID")
@click.option("--reason", required=True, help="Why.")
@_deciding
@pass_reviews
def reject(  # noqa: PLR0913  # one parameter an option
    reviews: Reviews, *, key: str, reason: str, name: str, seen: str, confirm: bool, as_json: bool
) -> None:
    """Take a draft back, or what is signed: entered in error. A question about a document is closed.

    \b
    Example:
      wardwire review reject 1c5e… --as "Dr Ada Rossi" --reason "another patient's page" --seen 60f1…
    """
    _tell(reviews.reject(key, _decision(reviews, name, seen, reason, confirm=confirm)), "rejected", as_json)


@review.command()
@click.argument("key", metavar="ID")
@click.option("--reason", required=True, help="Why.")
@click.option(
    "--set", "values", multiple=True, metavar="OBSERVATION=VALUE", help="Another value of a result."
)
@click.option("--strike", "struck", multiple=True, metavar="OBSERVATION", help="Take a result out.")
@click.option("--word", "words", multiple=True, metavar="SECTION=TEXT", help="Other words of a section.")
@click.option("--meaning", default="", help="What the signature means, when it is signed already.")
@_deciding
@pass_reviews
def amend(  # noqa: PLR0913  # one parameter an option
    reviews: Reviews,
    *,
    key: str,
    reason: str,
    values: tuple[str, ...],
    struck: tuple[str, ...],
    words: tuple[str, ...],
    meaning: str,
    name: str,
    seen: str,
    confirm: bool,
    as_json: bool,
) -> None:
    """Put your words in the place of a draft's, or of what is signed.

    \b
    Example:
      wardwire review amend 1c5e… --as ada --set Observation/77…=4.50 --reason "misread" --seen 60f1…
    """
    amendment = Amendment(
        values=dict(map(_pair, values)),
        struck=frozenset(struck),
        words=dict(map(_pair, words)),
        meaning=meaning,
    )
    decision = _decision(reviews, name, seen, reason, confirm=confirm)
    _tell(reviews.amend(key, decision, amendment), "amended", as_json)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter("write NAME=VALUE")
    return name, value


def _actor() -> str:
    return f"user:{getpass.getuser()}"


def _decision(reviews: Reviews, name: str, seen: str, reason: str, *, confirm: bool) -> Decision:
    person = reviews.terms.at_the_shell(name, shell_user=getpass.getuser())
    return Decision(person=person, seen=seen, reason=reason, confirmed=confirm)


def _tell(done: Done, word: str, as_json: bool) -> None:  # noqa: FBT001  # the option
    if as_json:
        click.echo(json.dumps({"id": done.case, "outcome": word, "provenance": done.provenance}))
    else:
        click.echo(f"{done.case}  {word}  {done.provenance}")


def _head(case: Case) -> dict[str, Any]:
    """A case without what it says."""
    return {
        "id": case.task.resource["id"],
        "kind": case.kind.value,
        "state": case.task.resource["status"],
        "about": case.focus.reference if case.focus else None,
        "title": case.title,
        "since": case.task.resource.get("authoredOn"),
        "reasons": list(case.asked("reason")),
        "changes": [each.text for each in case.changes],
        "seen": case.seen,
    }


def as_dict(case: Case) -> dict[str, Any]:
    """A case as JSON: what `show --json` prints."""
    focus = case.focus.resource if case.focus else {}
    return {
        **_head(case),
        "status": focus.get("docStatus") or focus.get("status"),
        "patient": _patient(case),
        "results": [_result(case, each.reference, each.resource) for each in case.results],
        "sections": [
            {"title": title, "sentences": [text for text, _ in told]} for title, told in sections(focus)
        ],
        "words": {key: words for key, (_, words) in amending.words(focus).items()} if case.drafts else {},
        "issues": list(case.asked("issue")),
        "guards": list(case.asked("guard")),
        "unconfirmed": list(case.asked("unconfirmed-result")),
        "unread": list(case.asked("unread-place")),
        "coverage": list(case.asked("coverage")),
        "sources": [each.reference for each in case.sources],
        "signatures": [{"name": s.name, "when": s.when, "meaning": s.meaning} for s in case.signatures],
    }


def _result(case: Case, reference: str, observation: dict[str, Any]) -> dict[str, Any]:
    read = row(observation)
    return {
        "reference": reference,
        "name": read.name,
        "result": read.result,
        "flag": read.flag,
        "reference_range": read.reference,
        "detail": read.detail,
        "status": observation["status"],
        "by_model": read.by_model,
        "by_person": read.by_person,
        "places": [{"where": spot.words, "quote": spot.quote} for spot in case.places(reference)],
    }


def _patient(case: Case) -> str:
    if case.patient is None:
        return ""
    person = case.patient.resource
    numbers = spoken.identifiers(person.get("identifier", []))
    return " · ".join(part for part in (spoken.person(person), person.get("birthDate", ""), numbers) if part)


def _line(case: Case) -> str:
    since = spoken.moment(case.task.resource.get("authoredOn", ""))
    changed = "  CHANGED SINCE" if case.changes else ""
    reasons = "; ".join(case.asked("reason"))
    return f"{case.task.resource['id']}  {since:<24} {case.kind.value:<9} {case.title}: {reasons}{changed}"


def _print(case: Case) -> None:
    told = as_dict(case)
    click.echo(f"{case.title}   ({told['kind']}, {told['state']}, {told['status']})")
    click.echo(f"patient   {told['patient'] or 'not named'}")
    for label in ("reasons", "changes", "coverage", "guards", "issues", "unconfirmed", "unread"):
        for text in told[label]:
            click.echo(f"{label:<9} {text}")
    for result in told["results"]:
        marks = " ".join(
            part
            for part in (result["flag"], "[model]" if result["by_model"] else "", result["detail"])
            if part
        )
        click.echo(f"  {result['name']}: {result['result']}  {marks}".rstrip())
        for place in result["places"]:
            click.echo(f"      {place['where']}: {place['quote']}")
        click.echo(f"      {result['reference']}  {result['status']}")
    for section in told["sections"]:
        click.echo(f"{section['title']}: {' '.join(section['sentences'])}")
    for signed in told["signatures"]:
        click.echo(f"signed by {signed['name']} on {signed['when']}: {signed['meaning']}")
    click.echo(f"seen      {case.seen}")
