"""From a `Search` to SQL in which an index decides what is looked at. Knows nothing of query strings.

SQLite plans without statistics, so the plan is made here: the criterion that is selective by its nature
drives (`seq IN (SELECT version_seq FROM resource_index …)`), and the others are looked up for each version
that it yields. Index rows exist for current versions only, so a driver of the index needs nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)

from integration.store.result_tables import INDEX, VERSIONS
from integration.store.search_parameters import PARAMETERS, Kind
from integration.store.search_query import (
    ChainMatch,
    Criterion,
    DateMatch,
    Include,
    Match,
    Prefix,
    ReferenceMatch,
    Search,
    TextMatch,
    TokenMatch,
)
from integration.store.search_values import Interval

_V = VERSIONS.c


def page(search: Search) -> Select[*tuple[Any, ...]]:
    """The rows of one page and one more, each with its `sort_key`."""
    key = _sort_key(search)
    found = select(VERSIONS, key.label("sort_key")).where(
        *_conditions(search.kind, search.criteria, VERSIONS)
    )
    if search.cursor is not None:
        at, seq = search.cursor.key, search.cursor.sequence
        if search.sort.descending:
            found = found.where(key <= at, or_(key < at, _V.seq < seq))
        else:
            found = found.where(key >= at, or_(key > at, _V.seq > seq))
    order = (key.desc(), _V.seq.desc()) if search.sort.descending else (key, _V.seq)
    return found.order_by(*order).limit(search.count + 1)


def total(search: Search) -> Select[int]:
    """How many match over all pages."""
    return (
        select(func.count()).select_from(VERSIONS).where(*_conditions(search.kind, search.criteria, VERSIONS))
    )


def referenced(include: Include, sequences: Sequence[int]) -> Select[str]:
    """References that these versions hold under an include's parameter."""
    i = INDEX.c
    held = select(i.value).where(i.version_seq.in_(sequences), i.type == include.source, i.value.is_not(None))
    return held.where(_named(include, INDEX)).distinct().order_by(i.value)


def referring(include: Include, references: Sequence[str], *, limit: int) -> Select[*tuple[Any, ...]]:
    """Current versions of an include's source that refer to any of these."""
    i = INDEX.c
    holders = select(i.version_seq).where(
        i.type == include.source, _named(include, INDEX), i.value.in_(references)
    )
    return select(VERSIONS).where(_V.seq.in_(holders)).order_by(_V.seq).limit(limit)


def holders_of(kind: str, parameter: str, values: Sequence[str]) -> Select[int]:
    """Sequences of the current versions of a type that have any of these values."""
    i = INDEX.c
    return select(i.version_seq).where(i.type == kind, i.parameter == parameter, i.value.in_(values))


def _named(include: Include, index: FromClause) -> ColumnElement[bool]:
    """The parameter, or all reference parameters of the source by name, which an index can seek."""
    if include.parameter != "*":
        return index.c.parameter == include.parameter
    names = [p.name for p in PARAMETERS[include.source].values() if p.kind is Kind.REFERENCE]
    return index.c.parameter.in_(names)


def current(kinds: Sequence[str], ids: Sequence[str]) -> Select[*tuple[Any, ...]]:
    """Current, undeleted versions by type and id; the caller picks the pairs it meant."""
    return select(VERSIONS).where(
        _V.id.in_(ids), _V.type.in_(kinds), _V.current == true(), _V.deleted == false()
    )


def _served(kind: str, version: FromClause) -> list[ColumnElement[bool]]:
    v = version.c
    return [v.type == kind, v.current == true(), v.deleted == false()]


def _conditions(kind: str, criteria: Iterable[Criterion], version: FromClause) -> list[ColumnElement[bool]]:
    """All conditions on a version, the driver first."""
    ranked = sorted(criteria, key=lambda criterion: _rank(kind, criterion))
    if not ranked or _rank(kind, ranked[0]) == _NO_DRIVER:
        return _served(kind, version) + [_checked(criterion, version) for criterion in ranked]
    driver, *rest = ranked
    if driver.parameter == "_lastUpdated":
        terms = [*_served(kind, version), _checked(driver, version)]
    elif driver.parameter == "_id":
        # Sought apart: beside an ORDER BY, SQLite would walk all versions of the type in order instead.
        named = VERSIONS.alias()
        terms = [version.c.seq.in_(select(named.c.seq).where(_checked(driver, named), *_served(kind, named)))]
    else:
        index = INDEX.alias()
        holders = select(index.c.version_seq).where(
            index.c.type == kind, index.c.parameter == driver.parameter, _any(driver, index)
        )
        terms = [version.c.seq.in_(holders)]
    return terms + [_checked(criterion, version) for criterion in rest]


_NO_DRIVER = 9
_SELECTIVITY = {Kind.REFERENCE: 2, Kind.STRING: 4, Kind.DATE: 5, Kind.TOKEN: 6}


def _rank(kind: str, criterion: Criterion) -> int:
    """How few versions a criterion leaves, by its nature; what cannot be sought in an index comes last."""
    if criterion.negated or not criterion.alternatives:
        return _NO_DRIVER
    if criterion.parameter == "_id":
        return 0
    if criterion.parameter == "_lastUpdated":
        return 3
    if "identifier" in criterion.parameter:
        return 1
    return _SELECTIVITY[PARAMETERS[kind][criterion.parameter].kind]


def _checked(criterion: Criterion, version: FromClause) -> ColumnElement[bool]:
    """A criterion as a condition on a version that is looked at already."""
    met: ColumnElement[bool]
    if criterion.parameter == "_id":
        met = version.c.id.in_([m.code for m in criterion.alternatives if isinstance(m, TokenMatch)])
    elif criterion.parameter == "_lastUpdated":
        at = version.c.last_updated
        dates = (match for match in criterion.alternatives if isinstance(match, DateMatch))
        met = or_(*(_date(match.prefix, match.interval, at, at) for match in dates))
    else:
        index = INDEX.alias()
        terms = [index.c.version_seq == version.c.seq, index.c.parameter == criterion.parameter]
        if criterion.alternatives:
            terms.append(_any(criterion, index))
        else:  # :missing, and a reference by identifier alone is no missing one
            terms[1] = index.c.parameter.in_((criterion.parameter, f"{criterion.parameter}:identifier"))
        met = exists().where(*terms)
    return ~met if criterion.negated else met


def _any(criterion: Criterion, index: FromClause) -> ColumnElement[bool]:
    codes = [m.code for m in criterion.alternatives if isinstance(m, TokenMatch) and m.system is None]
    if len(codes) == len(criterion.alternatives):
        return index.c.value.in_(codes)
    return or_(*(_match(match, index) for match in criterion.alternatives))


def _match(match: Match, index: FromClause) -> ColumnElement[bool]:
    value = index.c.value
    match match:
        case TokenMatch(system, code):
            return _token(system, code, index)
        case ReferenceMatch(references):
            return value.in_(references)
        case TextMatch(words):
            return value == words
        case DateMatch(prefix, interval):
            return _date(prefix, interval, index.c.low, index.c.high)
        case ChainMatch(through):
            return value.in_(_references_to(*through))


def _token(system: str | None, code: str | None, index: FromClause) -> ColumnElement[bool]:
    terms = [index.c.value.is_not(None) if code is None else index.c.value == code]
    if system is not None:
        terms.append(index.c.system.is_(None) if system == "" else index.c.system == system)
    return and_(*terms)


def _references_to(*through: tuple[str, Criterion]) -> Any:
    """References to all that meet a chain's inner criterion, one type after the other."""
    selects = []
    for kind, criterion in through:
        version = VERSIONS.alias()
        reference = literal(f"{kind}/") + version.c.id
        selects.append(select(reference).where(*_conditions(kind, [criterion], version)))
    return union_all(*selects) if len(selects) > 1 else selects[0]


def _date(
    prefix: Prefix, span: Interval, low: ColumnElement[str], high: ColumnElement[str]
) -> ColumnElement[bool]:
    """The table of R4 search §3.1.1.4.5, with (low, high) the resource's interval."""
    match prefix:
        case Prefix.EQ:
            return and_(low >= span.low, low <= span.high, high <= span.high)
        case Prefix.NE:
            return and_(low.is_not(None), or_(low < span.low, high > span.high))
        case Prefix.GT:
            return high > span.high
        case Prefix.LT:
            return low < span.low
        case Prefix.GE:
            return and_(high >= span.low, or_(high > span.high, low >= span.low))
        case Prefix.LE:
            return and_(low <= span.high, or_(low < span.low, high <= span.high))
        case Prefix.SA:
            return low > span.high
        case Prefix.EB:
            return high < span.low


def _sort_key(search: Search) -> ColumnElement[str]:
    if search.sort.parameter == "_lastUpdated":
        recent: ColumnElement[str] = _V.last_updated
        return recent
    index = INDEX.alias()
    first = (
        select(func.min(index.c.low))
        .where(index.c.version_seq == _V.seq, index.c.parameter == search.sort.parameter)
        .scalar_subquery()
    )
    return func.coalesce(first, "")
