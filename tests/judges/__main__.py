"""Judges FHIR R4 resources with google-fhir, fhircraft, ucumvert and the LOINC check digit.

    python -m tests.judges [FOLDER ...]

Each FOLDER holds resources or Bundles, one JSON file each. Resources that our writers make of odd reports
and of documents are always judged with them. Exit 0: no finding; 1: findings, one a line; 2: a judge could not do its work.

google-fhir knows codes of required bindings, reference types and dates; fhircraft every invariant in
FHIRPath and the rules of Bundles. They cannot live in one environment (protobuf), nor in ours, so that each
gets one, made once in the folder that WARDWIRE_JUDGE_VENVS names (default: ~/.cache/wardwire-judges).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tests.judges.drafts import write_drafts
from tests.judges.odd_reports import write_odd_reports

HERE = Path(__file__).parent
#: Judge -> what its environment holds.
JUDGES = {
    "google_fhir": ("google-fhir-r4==0.11.0",),
    "fhircraft_ucum_loinc": ("fhircraft==0.9.0", "ucumvert==0.3.2"),
}


def environments() -> Path:
    """Where the judges live."""
    return Path(os.environ.get("WARDWIRE_JUDGE_VENVS") or Path.home() / ".cache" / "wardwire-judges")


def python_of(judge: str) -> Path:
    """The interpreter of a judge's environment, made if it is not there."""
    home = environments() / judge
    python, made = home / "bin" / "python", home / "made"
    wanted = "\n".join(JUDGES[judge])
    if not made.exists() or made.read_text(encoding="utf-8") != wanted:
        venv.create(home, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "-qq", "--disable-pip-version-check", "install", *JUDGES[judge]]
        subprocess.run(pip, check=True)
        made.write_text(wanted, encoding="utf-8")
    return python


def main(folders: list[str]) -> int:
    """Judge every folder, print the findings, say how it went."""
    with tempfile.TemporaryDirectory(prefix="wardwire-judges-") as work:
        write_odd_reports(Path(work))
        write_drafts(Path(work))
        places = [Path(folder) for folder in folders] + [Path(work)]
        files = [file for place in places for file in sorted(place.glob("*.json"))]
        if not all(any(place.glob("*.json")) for place in places):
            print("nothing to judge in one of the folders", file=sys.stderr)
            return 2
        findings = []
        for judge in JUDGES:
            command = [str(python_of(judge)), str(HERE / f"{judge}.py"), *map(str, places)]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                print(f"{judge} failed:\n{done.stderr[-2000:]}", file=sys.stderr)
                return 2
            findings += done.stdout.splitlines()
    for finding in findings:
        print(finding)
    print(f"{len(files)} files, {len(JUDGES)} judges, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
