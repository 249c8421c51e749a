"""Words for specimens, and which specimen a code may be given for. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

BLOOD: Final = "blood"
SERUM: Final = "serum"
CITRATE: Final = "citrate plasma"
ARTERIAL: Final = "arterial blood"
VENOUS: Final = "venous blood"
URINE: Final = "urine"
OTHER: Final = "other"

#: First match wins: the special kinds before the general ones.
_KINDS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (kind, re.compile(rf"\b(?:{words})\b", re.IGNORECASE))
    for kind, words in (
        (OTHER, (r"csf|cerebrospinal|liquor|pleural|peritoneal|synovial|ascit\w*|amniotic|fluid|saliva|sweat|"
                r"stool|f(?:a|ae|e)ces|fecal|sputum|swab|tissue|semen|hair|cord blood|capillary|dialys\w+")),
        (ARTERIAL, r"arterial|abg"),
        (VENOUS, r"venous|vbg"),
        (URINE, r"urine|urinalysis|urinary|urin|harn|orina|urines?|ua|urinstatus|spot urine|24 ?h urine"),
        (CITRATE, r"citrate|citrat|citrated|platelet[- ]poor plasma|ppp"),
        (SERUM, r"serum|plasma|sst|heparin|lithium heparin|suero|s[eé]rum|siero"),
        (BLOOD, r"blood|edta|vollblut|sang|sangre|sangue"),
    )
)  # fmt: skip
_SUFFIX: Final = re.compile(
    r"(?:^|[ ,/-]+)(?:in |im )?(?:serum|plasma|urine|blood|whole blood|s/p|ser/plas|im serum|i\.s\.|csf)$|"
    r"^(?:serum|plasma|s\.|blood)\s+",
    re.IGNORECASE,
)
#: "Blood urea nitrogen", "red blood cells" and "urine" tests name no specimen by their first words.
_NOT_A_SPECIMEN: Final = re.compile(
    r"\b(?:blood (?:urea|sugar|cell|cells|count)|(?:red|white) blood|occult blood)\b", re.IGNORECASE
)

#: Kinds that a code's specimen may be printed as.
_PRINTED_AS: Final[Mapping[str, frozenset[str]]] = {
    BLOOD: frozenset({BLOOD, VENOUS}),
    SERUM: frozenset({SERUM, VENOUS, CITRATE}),
    CITRATE: frozenset({CITRATE, SERUM}),
    ARTERIAL: frozenset({ARTERIAL}),
    URINE: frozenset({URINE}),
}
#: What a laboratory report is about when it names no specimen at all.
_COMMON: Final = frozenset({BLOOD, SERUM, CITRATE})


def kind(text: str) -> str | None:
    """The kind of specimen that a text names, None when it names none."""
    cleaned = _NOT_A_SPECIMEN.sub(" ", text)
    return next((kind for kind, pattern in _KINDS if pattern.search(cleaned)), None)


def in_name(name: str) -> str | None:
    """The specimen that an analyte's printed name carries: "Glucose, urine", "Urine pH"."""
    return kind(name)


def without(name: str) -> str:
    """A name without its specimen: "sodium, serum" is "sodium"."""
    return _SUFFIX.sub(" ", name).strip(" ,-/")


def agree(of_code: str, printed: str | None, *, others: bool) -> bool:
    """Whether a code for `of_code` fits what is printed.

    Args:
        of_code: the code's specimen.
        printed: what stands beside the result, None when nothing does.
        others: whether the document names an uncommon specimen elsewhere; then nothing may be assumed.
    """
    if printed is None:
        return of_code in _COMMON and not others
    if printed == BLOOD and of_code in {SERUM, CITRATE}:
        # Panels of a blood draw stand under "Blood"; whole-blood chemistry would have another code.
        return False
    return printed in _PRINTED_AS.get(of_code, frozenset())
