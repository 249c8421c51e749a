"""From a FHIR query string to a `Search`, with an issue for everything that could not be followed.

Unknown parameters are forgiven with a warning, or refused when the caller asks for strict handling (R4 search
§3.1.1.4.1); a modifier or a value that cannot be read is always refused, for dropping it would widen the
answer. Knows nothing of SQL or HTTP; no value of a query is repeated in an issue.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from integration.store.search_parameters import PARAMETERS, Kind, Parameter, targets_of
from integration.store.search_query import (
    LARGEST_COUNT,
    ChainMatch,
    Criterion,
    Cursor,
    DateMatch,
    Include,
    Match,
    Prefix,
    ReferenceMatch,
    Search,
    Sort,
    TextMatch,
    TokenMatch,
)
from integration.store.search_values import LONGEST_VALUE, fold, interval, reference_type, unversioned
from mappers.domain.issues import Issue, IssueCode, Mapped, Severity

#: More values than this in one search are refused: a query must not become a table scan by disjunction.
MOST_VALUES = 1000
#: Answered by the web face, or without meaning for a resource that is always sent whole.
_NOT_OURS = frozenset({"_format", "_pretty"})
_EVERYWHERE = {
    "_id": Parameter("_id", Kind.TOKEN, (), code=True),
    "_lastUpdated": Parameter("_lastUpdated", Kind.DATE, ()),
}
_PRINTABLE = re.compile(r"[A-Za-z0-9_.:\-]{1,64}")


class _Unread(Exception):
    """A value that cannot be read; the text says what would be."""


@dataclass(slots=True)
class _Draft:
    kind: str
    criteria: list[Criterion] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    revincludes: list[Include] = field(default_factory=list)
    sort: Sort = field(default=Sort())
    count: int | None = None
    cursor: Cursor | None = None
    total: bool = True
    only_count: bool = False


def read(kind: str, pairs: Iterable[tuple[str, str]], *, base: str, strict: bool = False) -> Mapped[Search]:
    """Read the parameters of a search on `kind`, one of `PARAMETERS`.

    Args:
        kind: resource type.
        pairs: (name, value) of the query string or form, decoded, in order.
        base: URL of this server's FHIR face; references to it are the same as relative ones.
        strict: unknown parameters are fatal (`Prefer: handling=strict`).

    Returns:
        The search and its issues; `refused` when it must not be run.
    """
    draft = _Draft(kind)
    applied: list[tuple[str, str]] = []
    issues: list[Issue] = []
    pairs = [(name, value) for name, value in pairs if value and name not in _NOT_OURS]
    if problem := _unbearable(pairs):
        return Mapped(Search(kind), (problem,))
    for name, value in pairs:
        try:
            known = _take(draft, name, value, base)
        except _Unread as problem:
            issues.append(_issue(Severity.FATAL, IssueCode.VALUE, name, str(problem)))
            continue
        if known:
            applied.append((name, value))
        else:
            severity = Severity.FATAL if strict else Severity.WARNING
            text = "not a search parameter here" + ("" if strict else "; it was ignored")
            issues.append(_issue(severity, IssueCode.NOT_SUPPORTED, name, text))
    return Mapped(_finish(draft, applied), tuple(issues))


def _unbearable(pairs: list[tuple[str, str]]) -> Issue | None:
    if sum(value.count(",") + 1 for _, value in pairs) > MOST_VALUES:
        return _issue(Severity.FATAL, IssueCode.TOO_COSTLY, "", "too many values; ask in parts")
    for name, value in pairs:
        if "\x00" in value:  # no database takes it
            return _issue(Severity.FATAL, IssueCode.VALUE, name, "text has no character zero")
    return None


def _finish(draft: _Draft, applied: list[tuple[str, str]]) -> Search:
    count = 0 if draft.only_count else draft.count
    return Search(
        kind=draft.kind,
        criteria=tuple(draft.criteria),
        sort=draft.sort,
        **({} if count is None else {"count": count}),
        cursor=draft.cursor,
        total=draft.total or count == 0,
        includes=tuple(draft.includes),
        revincludes=tuple(draft.revincludes),
        applied=tuple((name, value) for name, value in applied if name != "_cursor"),
    )


def _issue(severity: Severity, code: IssueCode, name: str, text: str) -> Issue:
    return Issue(severity, code, name if _PRINTABLE.fullmatch(name) else "", text)


def _take(draft: _Draft, name: str, value: str, base: str) -> bool:
    """Put one parameter into the draft; False when its name is not known."""
    if name.startswith("_") and name.partition(":")[0] not in _EVERYWHERE:
        return _take_control(draft, name, value)
    criterion = _criterion(draft.kind, name, value, base)
    if criterion is None:
        return False
    draft.criteria.append(criterion)
    return True


def _take_control(draft: _Draft, name: str, value: str) -> bool:
    name, _, modifier = name.partition(":")
    if modifier not in ("", "iterate") or (modifier and name not in ("_include", "_revinclude")):
        return False
    match name:
        case "_count":
            if not value.isdecimal():
                raise _Unread("a count is a number of resources")
            draft.count = min(int(value[:9]), LARGEST_COUNT)
        case "_cursor":
            draft.cursor = Cursor.decode(value)
            if draft.cursor is None:
                raise _Unread("follow the next link as it was given")
        case "_sort":
            return _take_sort(draft, value)
        case "_total":
            draft.total = value in ("accurate", "estimate")
            return value in ("accurate", "estimate", "none")
        case "_summary":
            draft.only_count = value == "count"
            return value in ("count", "false")
        case "_include" | "_revinclude":
            return _take_include(draft, value, reverse=name == "_revinclude", iterate=bool(modifier))
        case _:
            return False
    return True


def _take_sort(draft: _Draft, value: str) -> bool:
    name = value.removeprefix("-")
    parameter = PARAMETERS[draft.kind].get(name) or _EVERYWHERE.get(name)
    if parameter is None or parameter.kind is not Kind.DATE or parameter.exact:
        return False
    draft.sort = Sort(name, descending=value.startswith("-"))
    return True


def _take_include(draft: _Draft, value: str, *, reverse: bool, iterate: bool) -> bool:
    source, _, rest = value.partition(":")
    name, _, target = rest.partition(":")
    parameters = PARAMETERS.get(source)
    if parameters is None or (target and target not in PARAMETERS):
        return False
    if name != "*" and (name not in parameters or parameters[name].kind is not Kind.REFERENCE):
        return False
    chosen = draft.revincludes if reverse else draft.includes
    chosen.append(Include(source, name, target or None, iterate))
    return True


def _criterion(kind: str, name: str, value: str, base: str) -> Criterion | None:
    """One condition on `kind`; None when it has no such parameter."""
    head, dot, tail = name.partition(".")
    head, _, modifier = head.partition(":")
    parameter = PARAMETERS[kind].get(head) or _EVERYWHERE.get(head)
    if parameter is None:
        return None
    if dot:
        return _chain(parameter, modifier, tail, value, base)
    if modifier == "missing":
        if value not in ("true", "false") or parameter.name in _EVERYWHERE:
            raise _Unread("missing is true or false, and not asked of _id or _lastUpdated")
        return Criterion(parameter.name, negated=value == "true")
    if modifier == "identifier" and parameter.kind is Kind.REFERENCE:
        tokens = tuple(_token(text) for text in _values(value))
        return Criterion(f"{parameter.name}:identifier", tokens)
    negated = modifier == "not" and parameter.kind is Kind.TOKEN
    typed = parameter.kind is Kind.REFERENCE and modifier in targets_of(parameter)
    if modifier and not (negated or typed):
        raise _Unread("this modifier is not supported")
    alternatives = tuple(
        match
        for text in _values(value)
        for match in _matches(parameter, text, base, modifier if typed else "")
    )
    return Criterion(parameter.name, alternatives, negated)


def _chain(parameter: Parameter, target: str, tail: str, value: str, base: str) -> Criterion | None:
    if parameter.kind is not Kind.REFERENCE or (target and target not in targets_of(parameter)):
        return None
    through = []
    for kind in (target,) if target else targets_of(parameter):
        inner = _criterion(kind, tail, value, base)
        if inner is not None:
            through.append((kind, inner))
    return Criterion(parameter.name, (ChainMatch(tuple(through)),)) if through else None


def _matches(parameter: Parameter, text: str, base: str, target: str) -> Iterator[Match]:
    match parameter.kind:
        case Kind.TOKEN:
            token = _token(text)
            yield TokenMatch(None, token.code) if parameter.code else token
        case Kind.DATE:
            yield _whole_date(text) if parameter.exact else _date(text)
        case Kind.STRING:
            yield _text(text)
        case Kind.REFERENCE:
            yield _reference(parameter, _unescape(text), base, target)


def _values(value: str) -> list[str]:
    values = [text for text in _split(value, ",") if text]
    if not values:
        raise _Unread("only commas")
    return values


def _token(text: str) -> TokenMatch:
    parts = [_unescape(part) for part in _split(text, "|")]
    if len(parts) == 1:
        return TokenMatch(None, parts[0][:LONGEST_VALUE])
    system, code = parts[0], "|".join(parts[1:])
    if not (system or code):
        raise _Unread("a token is code, system|code, |code or system|")
    return TokenMatch(system, code[:LONGEST_VALUE] or None)


def _text(text: str) -> TextMatch:
    words = fold(_unescape(text))
    if not words:
        raise _Unread("nothing is left of the text without accents and blanks")
    return TextMatch(words)


def _date(text: str) -> DateMatch:
    prefix = Prefix.EQ
    if text[:2].isalpha():
        try:
            prefix, text = Prefix(text[:2]), text[2:]
        except ValueError:
            raise _Unread("a date prefix is one of eq ne gt lt ge le sa eb") from None
    # An unescaped + of an offset arrives as a blank.
    span = interval(text.replace(" ", "+"))
    if span is None:
        raise _Unread("a date is YYYY, YYYY-MM, YYYY-MM-DD or with time and offset")
    return DateMatch(prefix, span)


def _whole_date(text: str) -> TokenMatch:
    """A date that is found as it is written and by no range: the index holds a mark of it."""
    date = text.removeprefix(Prefix.EQ)
    if interval(date) is None:
        raise _Unread("this date is compared as a whole: YYYY, YYYY-MM or YYYY-MM-DD, no prefix but eq")
    return TokenMatch(None, date)


def _reference(parameter: Parameter, text: str, base: str, target: str) -> ReferenceMatch:
    reference = unversioned(text.removeprefix(base + "/"))
    if "/" in reference or ":" in reference:
        if target and reference_type(reference) != target:
            raise _Unread("the reference names another type than the modifier")
        return ReferenceMatch((reference,))
    kinds = (target,) if target else targets_of(parameter)
    return ReferenceMatch(tuple(f"{kind}/{reference}" for kind in kinds))


def _split(text: str, separator: str) -> list[str]:
    """The parts between separators that no backslash escapes; escapes stay, empty parts too."""
    if "\\" not in text:
        return text.split(separator)
    parts: list[list[str]] = [[]]
    for piece in re.findall(r"\\.|.", text, re.DOTALL):
        if piece == separator:
            parts.append([])
        else:
            parts[-1].append(piece)
    return ["".join(part) for part in parts]


def _unescape(text: str) -> str:
    return re.sub(r"\\([,|$\\])", r"\1", text)
