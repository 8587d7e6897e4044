"""What the README shows of the rule books is what is there."""

from __future__ import annotations

import re
from pathlib import Path

from qa import rulebook

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_rule_book_in_the_readme_is_the_file() -> None:
    (shown,) = re.findall(r"^```toml\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    house = re.search(r"`lexicons/([\w-]+)/rules\.toml`, 一字不差", README)
    assert house is not None
    assert shown == (ROOT / "lexicons" / house[1] / "rules.toml").read_text("utf-8")


def test_every_bundled_rule_book_is_named_in_both_languages() -> None:
    chinese, english = README.split("## English")
    for name in rulebook.profiles():
        assert f"`{name}`" in chinese and f"`{name}`" in english


def test_the_call_that_the_readme_explains_is_among_the_samples() -> None:
    (call,) = re.findall(r"qa explain (LA\d+)", README)
    assert f",{call}," in (ROOT / "recordings_houses" / "lanhuoyan-gas" / "calls.csv").read_text("utf-8")
