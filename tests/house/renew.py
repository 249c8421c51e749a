"""`python -m tests.house.renew` writes the files that are made from the code."""

from __future__ import annotations

from integration.settings import example_toml
from tests.house.tree import ROOT

(ROOT / "deploy" / "wardwire.example.toml").write_text(example_toml(), encoding="utf-8")
print("wrote deploy/wardwire.example.toml")
