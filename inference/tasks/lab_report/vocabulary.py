"""The words of laboratory reports: column heads, flags, qualitative results, reasons for no result.

Pure tables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a column holds."""

    NAME = "name"
    VALUE = "value"
    UNIT = "unit"
    RANGE = "range"
    LOW = "low"
    HIGH = "high"
    FLAG = "flag"
    SPECIMEN = "specimen"
    CODE = "code"
    OTHER = "other"


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split("|"))


#: Column heads in English, German, French, Spanish and Italian, as `analytes.normalised` leaves them.
HEADS: Final[Mapping[Role, frozenset[str]]] = {
    Role.NAME: _words(
        "test|tests|test name|test description|analyte|analytes|parameter|parameters|investigation|"
        "investigations|examination|component|determination|assay|description|item|procedure|measurement|"
        "test/analyte|lab test|laboratory test|name|exam|observation|test performed|tests performed|"
        "analyse|analysen|untersuchung|bezeichnung|messgröße|bestimmung|"
        "paramètre|examen|analyses|dosage|prueba|pruebas|análisis|analisis|determinación|parámetro|"
        "esame|esami|analisi|parametro"
    ),
    Role.VALUE: _words(
        "result|results|value|values|observed value|observed|your result|your value|current|current result|"
        "current value|patient value|measured|measured value|in range|out of range|reading|result value|"
        "test result|test results|"
        "wert|werte|ergebnis|ergebnisse|messwert|resultat|résultat|résultats|valeur|resultado|resultados|"
        "valor|risultato|risultati|valore"
    ),
    Role.UNIT: _words(
        "unit|units|uom|u/m|unit of measure|measure|einheit|einheiten|dimension|unité|unités|unidad|unidades|"
        "unità|unita|unità di misura|u.m"
    ),
    Role.RANGE: _words(
        "reference|reference range|reference ranges|ref range|ref|ref ranges|normal|normal range|"
        "normal ranges|normals|reference interval|ref interval|interval|range|reference value|"
        "reference values|biological reference interval|biological ref interval|bio ref interval|"
        "bio ref range|biological reference range|normal values|normal value|expected|expected range|"
        "expected values|limits|reference limits|ref values|ref value|standard range|desired range|"
        "referenzbereich|referenzbereiche|referenz|normbereich|normwert|normwerte|norm|referenzwert|"
        "valeurs de référence|valeur de référence|référence|normes|valores de referencia|"
        "rango de referencia|valor de referencia|valores normales|intervallo di riferimento|"
        "valori di riferimento|riferimento|intervalo de referencia"
    ),
    Role.LOW: _words("low|lower|lower limit|min|minimum|ref low|low limit|untergrenze"),
    Role.HIGH: _words("high|upper|upper limit|max|maximum|ref high|high limit|obergrenze"),
    Role.FLAG: _words(
        "flag|flags|abn|abnormal|abnormal flag|h/l|alert|ind|indicator|abn flag|l/h|hinweis|bewertung|"
        "kennzeichen|+/-|abnormality"
    ),
    Role.SPECIMEN: _words("specimen|sample|specimen type|sample type|material|probe|probenmaterial|source"),
    Role.CODE: _words("loinc|loinc code"),
    Role.OTHER: _words(
        "previous|previous result|previous value|prior|prior result|last|last result|last value|history|"
        "vorwert|vorwerte|vorbefund|antériorité|anterior|precedente|previous results|prior value|"
        "method|methods|methode|méthode|método|metodo|technique|comment|comments|remark|remarks|note|notes|"
        "lab|site|performed|performed by|performing lab|status|interpretation|date|collected|"
        "date/time|time|code|no|s no|sr no|#|delta|trend|graph|si units|conventional units|kommentar"
    ),
}
#: Columns of other dates: never this report's results.
ROLE_OF: Final[Mapping[str, Role]] = {word: role for role, words in HEADS.items() for word in words}
#: Heads that other languages than English use: their numbers have a decimal comma where nothing else tells.
COMMA_LANGUAGES: Final = frozenset(
    word
    for words in HEADS.values()
    for word in words
    if re.search(
        r"wert|einheit|unters|bereich|ergeb|analys|bezeich|bestimm|résul|valeur|unité|référ|norme|resultad|"
        r"unidad|refer[ei]nci?a|prueba|risult|valor|unit[aà]$|esam|riferim",
        word,
    )
    and word not in {"values", "value", "analyte", "analytes"}
    and not re.search(r"\b(reference|unit)\b", word)
)

#: Flags and their meaning in v3 ObservationInterpretation; "" where a flag only says "look".
FLAGS: Final[Mapping[str, str]] = {
    "H": "H", "L": "L", "HH": "HH", "LL": "LL", "A": "A", "AA": "AA", "N": "N", "HIGH": "H", "LOW": "L",
    "NORMAL": "N", "ABNORMAL": "A", "ABN": "A", "CRITICAL": "AA", "CRIT": "AA", "C": "AA", "HI": "H",
    "LO": "L", "CRITICAL HIGH": "HH", "CRITICAL LOW": "LL", "VERY HIGH": "HH", "VERY LOW": "LL",
    "CH": "HH",
    "CL": "LL", "HC": "HH", "LC": "LL", "H*": "H", "L*": "L", "*H": "H", "*L": "L", "H!": "HH", "L!": "LL",
    "PANIC": "AA",
    "*": "A", "**": "AA", "***": "AA", "!": "A", "!!": "AA", "↑": "H", "↑↑": "HH", "↓": "L", "↓↓": "LL",
    "▲": "H", "▼": "L", "+": "H", "++": "HH", "HOCH": "H", "TIEF": "L", "NIEDRIG": "L",
    "ERHÖHT": "H", "ALTO": "H", "BAJO": "L", "BASSO": "L",
    "WNL": "N", "IN RANGE": "N",
}  # fmt: skip
#: Flags that may stand in the cell of the value itself; + and N would be mistaken for results.
INLINE_FLAG: Final = re.compile(
    r"[(\[]?(?P<flag>HH|LL|H\*|L\*|\*H|\*L|H!|L!|H|L|AA|A|\*{1,3}|!{1,2}|[↑↓]{1,2}|[▲▼]|"
    r"(?i:critical high|critical low|very high|very low|high|low|abnormal|abn|critical|panic))[)\]]?(?=\s|$)"
)

QUALITATIVE: Final = re.compile(
    r"(?:weakly |strongly )?(?:negative|neg\.?|positive|pos\.?|reactive|non[- ]?reactive|detected|"
    r"not detected|none detected|none seen|none|absent|present|trace|normal|abnormal|"
    r"no growth(?: after \d+ (?:days|hours))?|"
    r"(?:small|moderate|large|few|many|rare|occasional|marked|slight|numerous)(?: amount)?|"
    r"indeterminate|equivocal|borderline|inconclusive|susceptible|resistant|intermediate|"
    r"yellow|pale yellow|dark yellow|light yellow|amber|straw|colou?rless|orange|brown|red|"
    r"clear|cloudy|hazy|turbid|slightly (?:cloudy|hazy|turbid)|"
    r"[1-4]\+|\+{1,4}|(?:A|B|AB|O) ?(?:rh\(?d?\)? ?)?(?:positive|negative|pos|neg)?|"
    r"negativ|positiv|nicht nachweisbar|nachweisbar|négatif|positif|negativo|positivo|assente|ausente)"
    r"(?=\s|$)",
    re.IGNORECASE,
)

#: Words in the place of a result that say there is none, and FHIR's data-absent-reason for them.
NO_RESULT: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(rf"(?i)(?:{words})(?:[ ,;:(-].*)?"), reason)
    for words, reason in (
        (
            (
                r"test (?:not performed|cancell?ed)|cancell?ed|not performed|not done|tnp|dnr|not tested|"
                r"qns|quantity not sufficient|insufficient(?: sample| specimen| quantity| volume)?|"
                r"(?:grossly )?h(?:a|ae)?emoly[sz]ed|clotted|lipemic|contaminated|rejected|"
                r"specimen (?:rejected|clotted|lost|h(?:a|ae)?emoly[sz]ed|leaked|missing)|"
                r"sample (?:rejected|clotted|lost|h(?:a|ae)?emoly[sz]ed|leaked|missing)|"
                r"no (?:sample|specimen)|"
                r"unable to (?:perform|report|calculate)|not received|invalid|error|"
                r"storniert|nicht durchgeführt|"
                r"zu wenig material|non eseguito|no realizado|annulé"
            ),
            "not-performed",
        ),
        (
            r"pending|in progress|to follow|awaited|in process|folgt|en cours|pendiente|in corso",
            "temp-unknown",
        ),
        (r"see (?:note|notes|comment|comments|below|report|separate report)|s\. ?u\.|siehe", "unknown"),
        (r"not applicable|n/a|na|not calculated|not reported|no result|-{1,4}|—|–|\.{2,}", "unknown"),
    )
)


def role_of(head: str) -> Role | None:
    """The role of a column head, already normalised."""
    return ROLE_OF.get(head)


def absent_reason(text: str) -> str | None:
    """FHIR data-absent-reason of a text that stands for "no result"; None for anything else."""
    return next((reason for pattern, reason in NO_RESULT if pattern.fullmatch(text.strip())), None)
