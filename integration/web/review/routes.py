"""The routes of sign-off. Every view is on record before it is shown; decisions are forms of our own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, abort, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from integration.errors import Conflict, SigningRefused
from integration.flows.review import Reviews
from integration.flows.review_acts import Amendment, Decision
from integration.flows.review_case import Case, Held
from integration.flows.review_ports import Unpaintable
from integration.web.review import view
from integration.web.review.desk import ReviewDesk
from integration.web.review.words import marked

_PNG = "image/png"
_DONE = {
    "signed": "Signed. The report is final.",
    "rejected": "Rejected. It is entered in error.",
    "amended": "Amended. The earlier version stays in the history.",
}
_VALUE, _STRIKE, _WORDS = "value ", "strike ", "words "


def blueprint(desk: ReviewDesk) -> Blueprint:
    """The list, the page of a case, what it shows, and the three decisions."""
    routes = Blueprint("review", __name__, url_prefix="/review")
    _looking(routes, desk)
    _pictures(routes, desk)
    for name, act in (("sign", _sign), ("reject", _reject), ("amend", _amend)):
        routes.add_url_rule(f"/<key>/{name}", name, _decider(desk, name, act), methods=["POST"])
    return routes


def _looking(routes: Blueprint, desk: ReviewDesk) -> None:
    @routes.get("")
    def listed() -> Response:
        cases = desk.reviews.waiting()
        desk.reviews.tell_viewed(g.actor, cases, request_id=g.request_id)
        lines = [view.waiting(case) for case in cases]
        return make_response(render_template("review_list.html", lines=lines))

    @routes.get("/<key>")
    def shown(key: str) -> Response:
        return _page(desk, key, note=_DONE.get(request.args.get("done", ""), ""))


def _pictures(routes: Blueprint, desk: ReviewDesk) -> None:
    @routes.get("/<key>/source/<int:number>/page/<int:page>.png")
    def source_page(key: str, number: int, page: int) -> Response:
        case = _case(desk, key, part=f"source {number} page {page}")
        content = view.content(_nth(case.sources, number)) or abort(404)
        return _painted(desk, content, page, view.marks(case, page))

    @routes.get("/<key>/source/<int:number>/sound")
    def sound(key: str, number: int) -> Response:
        case = _case(desk, key, part=f"source {number}")
        content = view.content(_nth(case.sources, number)) or abort(404)
        kind = view.may_be_played(content) or abort(404)
        answer = Response(content, content_type=kind)
        answer.make_conditional(request, accept_ranges=True, complete_length=len(content))
        return answer

    @routes.get("/<key>/picture/<int:number>.png")
    def picture(key: str, number: int) -> Response:
        case = _case(desk, key, part=f"picture {number}")
        held = _nth(case.pictures, number)
        return _painted(desk, view.content(held) or abort(404), 1, view.regions(held))

    @routes.get("/<key>/report/page/<int:page>.png")
    def report_page(key: str, page: int) -> Response:
        case = _case(desk, key, part=f"report page {page}")
        return _painted(desk, view.rendering(case) or abort(404), page, [])

    @routes.get("/<key>/report.pdf")
    def report(key: str) -> Response:
        case = _case(desk, key, part="report")
        content = view.rendering(case) or abort(404)
        answer = Response(content, content_type="application/pdf")
        answer.headers["Content-Disposition"] = 'attachment; filename="report.pdf"'
        return answer


def _nth(held: tuple[Held, ...], number: int) -> Held:
    if number >= len(held):
        abort(HTTPStatus.NOT_FOUND)
    return held[number]


def _case(desk: ReviewDesk, key: str, *, part: str = "") -> Case:
    """The case, after it is on record that somebody looks at it."""
    case = desk.reviews.show(key)
    desk.reviews.tell_viewed(g.actor, [case], request_id=g.request_id, part=part)
    return case


def _painted(
    desk: ReviewDesk, content: bytes, page: int, marks: list[tuple[tuple[float, float, float, float], bool]]
) -> Response:
    try:
        return Response(desk.painter.paint(content, page, marks), content_type=_PNG)
    except Unpaintable:
        abort(HTTPStatus.NOT_FOUND)


def _page(  # noqa: PLR0913 - what a page may say beside the case
    desk: ReviewDesk,
    key: str,
    *,
    status: int = HTTPStatus.OK,
    note: str = "",
    problem: str = "",
    typed: Mapping[str, str] | None = None,
) -> Response:
    case = _case(desk, key)
    shown = view.page(case)
    page = render_template(
        "review.html",
        page=shown,
        note=note,
        problem=problem,
        typed=typed or {},
        token=desk.guard.token(g.actor, shown.key),
        may_sign=desk.reviews.terms.may_sign(g.actor),
        signer=desk.reviews.terms.name_of(g.actor),
        meanings=desk.reviews.terms.meanings,
        marked=marked,
    )
    return make_response(page, status)


_Act = Callable[[Reviews, str, Decision, Mapping[str, str]], Any]


def _decider(desk: ReviewDesk, name: str, act: _Act) -> Callable[[str], ResponseReturnValue]:
    """The route of one decision: guard, person, act; what is refused comes back with what was typed."""
    done = {"sign": "signed", "reject": "rejected", "amend": "amended"}[name]

    def decide(key: str) -> ResponseReturnValue:
        form = request.form.to_dict()
        foreign = desk.guard.refuses(g.actor, key, form.get("token", ""), request.headers, request.host)
        if foreign:
            return _page(desk, key, status=HTTPStatus.FORBIDDEN, problem=foreign)
        try:
            person = desk.reviews.terms.at_the_web(g.actor, form.get("name", ""))
            decision = Decision(
                person=person,
                seen=form.get("seen", ""),
                reason=form.get("meaning" if name == "sign" else "reason", ""),
                confirmed=form.get("confirm") == "yes",
            )
            act(desk.reviews, key, decision, form)
        except SigningRefused as refusal:
            return _page(desk, key, status=422, problem=str(refusal), typed=form)
        except Conflict as moved:
            return _page(desk, key, status=HTTPStatus.CONFLICT, problem=str(moved), typed=form)
        return redirect(url_for("review.shown", key=key, done=done), HTTPStatus.SEE_OTHER)

    return decide


def _sign(reviews: Reviews, key: str, decision: Decision, _form: Mapping[str, str]) -> None:
    reviews.sign(key, decision)


def _reject(reviews: Reviews, key: str, decision: Decision, _form: Mapping[str, str]) -> None:
    reviews.reject(key, decision)


def _amend(reviews: Reviews, key: str, decision: Decision, form: Mapping[str, str]) -> None:
    """Fields that are empty leave what they are about."""
    told = {name: text.replace("\r\n", "\n") for name, text in form.items() if text.strip()}
    amendment = Amendment(
        values={name.removeprefix(_VALUE): text for name, text in told.items() if name.startswith(_VALUE)},
        struck=frozenset(name.removeprefix(_STRIKE) for name in told if name.startswith(_STRIKE)),
        words={name.removeprefix(_WORDS): text for name, text in told.items() if name.startswith(_WORDS)},
        meaning=form.get("meaning", ""),
    )
    reviews.amend(key, decision, amendment)
