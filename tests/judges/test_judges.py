"""The judges judge: run by the gate, which provides them (WARDWIRE_JUDGE_VENVS)."""

from __future__ import annotations

import pytest

from tests.judges import __main__ as judges
from tests.judges import odd_reports


def test_the_odd_reports_are_the_same_at_every_run(tmp_path):
    """A finding can be looked at again."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        odd_reports.write_odd_reports(folder)
    names = sorted(file.name for file in first.iterdir())
    assert len(names) > 30
    assert [(first / name).read_bytes() for name in names] == [(second / name).read_bytes() for name in names]


@pytest.fixture
def environments(monkeypatch, tmp_path):
    """Judges that are shell scripts: what the runner makes of their answers."""

    def install(script: str) -> None:
        python = tmp_path / "python"
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
        monkeypatch.setattr(judges, "python_of", lambda _: python)
        monkeypatch.setattr(
            judges, "write_odd_reports", lambda folder: (folder / "odd.json").write_text("{}")
        )

    return install


@pytest.mark.parametrize(
    ("expected", "script"), [(0, "true"), (1, "echo 'odd.json: wrong'"), (2, "echo broken >&2; exit 3")]
)
def test_the_exit_says_how_it_went(expected, script, environments, capsys):
    """No finding, a finding, a judge that broke: never taken for one another."""
    environments(script)
    assert expected == judges.main([])
    assert ("wrong" in capsys.readouterr().out) is (expected == 1)


def test_an_empty_folder_is_no_verdict(environments, tmp_path):
    """Judging nothing proves nothing."""
    environments("true")
    assert 2 == judges.main([str(tmp_path)])
