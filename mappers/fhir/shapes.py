"""What R4 says of one type, compiled for speed: elements, cardinality, form, required codes, targets.

One walk over a resource collects every fault with its path. Faults name the rule, never a value. Knows the
table of `definitions` and the invariants of each type; knows nothing of fhir.resources.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from mappers.domain.issues import Issue, IssueCode, Severity
from mappers.fhir import narrative
from mappers.fhir.containers import bundle_breaches, contained_breaches
from mappers.fhir.definitions import Definitions, Element, load
from mappers.fhir.invariants import INVARIANTS, Invariant
from mappers.fhir.primitives import PRIMITIVES, Primitive
from mappers.fhir.references import Link, link_fault

Node = dict[str, Any]

#: Primitives that fhir.resources judges by more than their form.
_JUDGED_BY_VALUE = frozenset({"base64Binary", "url", "uuid", "xhtml"})
_XHTML = Primitive((str,), narrative.is_safe)
_RESOURCE = "Resource"
#: What a fault says, behind the name of the shape, of a member that has no place there.
NO_SUCH_ELEMENT = " has no such element"
_ELEMENT = {"id": Element(type="string"), "extension": Element(type="Extension", max="*")}


class Walk:
    """One walk over one resource.

    Attributes:
        faults: how many errors were found so far.
        issues: those errors, and warnings.
        links: the references met on the way.
        skeleton: the names met, objects closed by None, equal neighbours in an array once: all of the
            resource but its values.
        by_value: whether something was met that fhir.resources judges by more than names and form.
    """

    __slots__ = ("by_value", "faults", "issues", "links", "skeleton")

    def __init__(self) -> None:
        self.faults = 0
        self.issues: list[Issue] = []
        self.links: list[Link] = []
        self.skeleton: list[str | None] = []
        self.by_value = False

    def fault(self, code: IssueCode, path: str, text: str) -> None:
        """Note an error at `path`."""
        self.faults += 1
        self.issues.append(Issue(Severity.ERROR, code, path, text))

    def warn(self, code: IssueCode, path: str, text: str) -> None:
        """Note what is legal and yet hardly meant."""
        self.issues.append(Issue(Severity.WARNING, code, path, text))

    def resource(self, value: object, path: str) -> None:
        """Judge a resource, at the root or inside another."""
        if not isinstance(value, dict):
            self.fault(IssueCode.STRUCTURE, path, "a resource is a JSON object")
            return
        name = value.get("resourceType")
        if not isinstance(name, str) or name not in load().codes["resource-types"]:
            self.fault(IssueCode.STRUCTURE, path, "resourceType names no R4 resource")
        elif name in load().resources:
            self._known(name, value, path)
        else:
            self.by_value = True
            self.warn(IssueCode.NOT_SUPPORTED, path, "only the structure of this resource type is checked")

    def _known(self, name: str, value: Node, path: str) -> None:
        faults, links = self.faults, len(self.links)
        self.skeleton.append(name)
        shape(name).check(value, path, self)
        if self.faults > faults or path.rpartition(".")[2].startswith("contained["):
            return  # the rules below read a right structure; the container judges what it contains
        inside = self.links[links:]
        if "contained" in load().types[name]:
            breaches = contained_breaches(value, path, inside)
        elif name == "Bundle":
            breaches = bundle_breaches(value, path, inside)
        else:
            return
        for breach in breaches:
            self.fault(breach.code, breach.path, breach.text)


class _Rule(NamedTuple):
    """One element, ready to be tested.

    Attributes:
        types: Python types that may hold it; dict for complex ones.
        test: the form of a primitive; None for complex ones.
        shape: the compiled type of a complex one; None for primitives and resources.
        many: whether it repeats.
        targets: types that a reference may point to; None means any.
        bound: `system|code` pairs of a required binding of a CodeableConcept or Coding.
        wrong: what to say when `test` fails.
        code: IssueType when `test` fails.
        by_value: whether it is judged by more than its form.
    """

    types: tuple[type, ...]
    test: Callable[[Any], bool] | None
    shape: Shape | None
    many: bool
    targets: frozenset[str] | None
    bound: frozenset[str] | None
    wrong: str
    code: IssueCode
    by_value: bool = False


class Shape:
    """A resource type, data type or backbone element. Get one from `shape`."""

    __slots__ = ("_choices", "_invariants", "_needed", "_rules", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._invariants: tuple[Invariant, ...] = INVARIANTS.get(name, ())
        self._rules: dict[str, _Rule] = {}
        self._needed: tuple[str, ...] = ()
        self._choices: dict[str, tuple[str, ...]] = {}

    def compile(self, table: Definitions, elements: dict[str, Element], shapes: dict[str, Shape]) -> None:
        """Fill the rules; apart from construction because types contain one another."""
        choices: dict[str, list[str]] = {}
        needed: dict[str, None] = {}
        for name, element in elements.items():
            self._rules[name] = _rule(table, element, shapes)
            group = element.get("choice", name)
            if "choice" in element:
                choices.setdefault(group, []).append(name)
            if element.get("min"):
                needed[group] = None
        self._needed = tuple(needed)
        self._choices = {group: tuple(names) for group, names in choices.items()}

    def check(self, node: Node, path: str, walk: Walk) -> None:
        """Judge one JSON object of this type."""
        if type(node) is not dict:
            walk.fault(IssueCode.STRUCTURE, path, f"{self.name} is a JSON object")
            return
        faults = walk.faults
        self._check_elements(node, path, walk)
        if not node:
            walk.fault(IssueCode.STRUCTURE, path, "an object needs a value (ele-1)")
        self._check_presence(node, path, walk)
        if walk.faults > faults:
            return  # invariants read a right structure
        for invariant in self._invariants:
            if not invariant.holds(node):
                report = walk.fault if invariant.binding else walk.warn
                report(invariant.code, path, f"{invariant.key}: {invariant.text}")

    def _check_elements(self, node: Node, path: str, walk: Walk) -> None:
        rules, skeleton = self._rules, walk.skeleton
        for name, value in node.items():
            skeleton.append(name)
            rule = rules.get(name)
            if rule is None:
                self._check_other(node, name, path, walk)
            elif rule.many:
                self._check_list(node, name, f"{path}.{name}", walk)
            elif rule.shape is not None:
                _check_complex(rule, value, f"{path}.{name}", walk)
            elif rule.test is None:
                walk.resource(value, f"{path}.{name}")
            elif not isinstance(value, rule.types) or not rule.test(value):
                walk.fault(rule.code, f"{path}.{name}", rule.wrong)
            elif rule.by_value:
                walk.by_value = True
        skeleton.append(None)

    def _check_presence(self, node: Node, path: str, walk: Walk) -> None:
        for name in self._needed:
            if name not in node and f"_{name}" not in node and not self._chosen(node, name):
                walk.fault(IssueCode.REQUIRED, f"{path}.{name}", "this element is required")
        for group, names in self._choices.items():
            if len(names) > 1 and sum(name in node for name in names) > 1:
                walk.fault(IssueCode.STRUCTURE, f"{path}.{group}", "only one type of value may be given")

    def _chosen(self, node: Node, group: str) -> bool:
        return any(name in node or f"_{name}" in node for name in self._choices.get(group, ()))

    def _check_list(self, node: Node, name: str, path: str, walk: Walk) -> None:
        rule, values = self._rules[name], node[name]
        if type(values) is not list:
            walk.fault(IssueCode.STRUCTURE, path, "this element repeats: its value is an array")
            return
        if not values:
            walk.fault(IssueCode.STRUCTURE, path, "an array is never empty")
        skeleton = walk.skeleton
        before = start = len(skeleton)
        for index, value in enumerate(values):
            if rule.shape is not None:
                _check_complex(rule, value, f"{path}[{index}]", walk)
                if skeleton[start:] == skeleton[before:start]:
                    del skeleton[start:]
                else:
                    before, start = start, len(skeleton)
            elif rule.test is None:
                walk.resource(value, f"{path}[{index}]")
            elif value is None and _stands_for(node.get(f"_{name}"), index):
                walk.by_value = True
            elif not isinstance(value, rule.types) or not rule.test(value):
                walk.fault(rule.code, f"{path}[{index}]", rule.wrong)
            elif rule.by_value:
                walk.by_value = True

    def knows(self, name: str) -> bool:
        """Whether a member of this name may stand in an object of this shape."""
        if name in self._rules or (name == "resourceType" and self.name in load().resources):
            return True
        rule = self._rules.get(name[1:]) if name[:1] == "_" else None
        return rule is not None and rule.test is not None

    def _check_other(self, node: Node, name: str, path: str, walk: Walk) -> None:
        """A name that is no element: the type of a resource, a primitive's extensions, or a mistake."""
        if name == "resourceType" and self.name in load().resources:
            return
        rule = self._rules.get(name[1:]) if name[:1] == "_" else None
        if rule is None or rule.test is None:
            # The name is the sender's text: it is not repeated.
            walk.fault(IssueCode.STRUCTURE, path, f"{self.name}{NO_SUCH_ELEMENT}")
            return
        values = node[name] if rule.many and isinstance(node[name], list) else [node[name]]
        for value in values:
            if value is None:
                walk.by_value = True
            else:
                shape("Element").check(value, f"{path}.{name}", walk)


def _stands_for(extensions: object, index: int) -> bool:
    """Whether a null in an array of primitives has its extensions beside it (R4 §2.6.2.3)."""
    return isinstance(extensions, list) and index < len(extensions) and extensions[index] is not None


def _check_complex(rule: _Rule, value: Any, path: str, walk: Walk) -> None:
    assert rule.shape is not None
    rule.shape.check(value, path, walk)
    if type(value) is not dict:
        return
    if rule.shape.name == "Reference":
        link = Link(path, value.get("reference"), value.get("type"), rule.targets)
        fault = link_fault(link)
        if fault is not None:
            walk.fault(IssueCode.VALUE, path, fault)
        if link.reference is not None:
            walk.links.append(link)
    elif rule.bound is not None and not _is_bound(rule, value):
        walk.fault(IssueCode.CODE_INVALID, path, rule.wrong)


def _is_bound(rule: _Rule, value: Node) -> bool:
    """Whether a Coding, or one coding of a CodeableConcept, is in its required value set."""
    assert rule.bound is not None
    assert rule.shape is not None
    codings = value.get("coding", []) if rule.shape.name == "CodeableConcept" else [value]
    return any(
        f"{coding.get('system')}|{coding.get('code')}" in rule.bound
        for coding in codings
        if isinstance(coding, dict)
    )


def _rule(table: Definitions, element: Element, shapes: dict[str, Shape]) -> _Rule:
    name, many = element["type"], element.get("max", "1") == "*"
    targets = frozenset(element["targets"]) if "targets" in element else None
    codes = table.codes[element["codes"]] if "codes" in element else None
    if name == _RESOURCE:
        return _Rule((dict,), None, None, many, None, None, "", IssueCode.STRUCTURE)
    if name in shapes:
        wrong = "this code is not in the required value set"
        return _Rule((dict,), None, shapes[name], many, targets, codes, wrong, IssueCode.CODE_INVALID)
    if codes is not None:
        wrong = "this code is not in the required value set"
        return _Rule((str,), codes.__contains__, None, many, None, None, wrong, IssueCode.CODE_INVALID)
    primitive = _XHTML if name == "xhtml" else PRIMITIVES[name]
    wrong, code = f"this is no {name}", IssueCode.VALUE
    if name == "xhtml":
        wrong, code = "txt-1, txt-2: formatting XHTML only, and something to read", IssueCode.SECURITY
    by_value = name in _JUDGED_BY_VALUE
    return _Rule(primitive.types, primitive.test, None, many, None, None, wrong, code, by_value)


def shape(name: str) -> Shape:
    """The compiled type or backbone element of this name."""
    return _shapes()[name]


@cache
def _shapes() -> dict[str, Shape]:
    """All types, compiled together: no thread ever sees one half done."""
    table = load()
    elements = {"Element": _ELEMENT, **table.types}
    shapes = {name: Shape(name) for name in elements}
    for name, compiled in shapes.items():
        compiled.compile(table, elements[name], shapes)
    return shapes
