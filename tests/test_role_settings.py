"""``[roles]`` of a rule book: read, refused at its line, and used when a call's roles are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from qa import rulebook
from qa.errors import RuleBookError
from qa.role_settings import RoleSettings
from qa.rules.book import RuleBook

BASE = '[profile]\nid = "h"\ntitle = "t"\nversion = "1"\n[checks.volume]\nclause = "c"\nweight = 1\n'


def book(folder: Path, text: str) -> RuleBook:
    (folder / "rules.toml").write_text(BASE + text, "utf-8")
    return rulebook.load(folder)


def test_read_with_defaults_for_what_is_not_there(tmp_path: Path) -> None:
    assert book(tmp_path, "").roles == RoleSettings()
    read = book(tmp_path, '[roles]\nsure = 0.9\nagent_channel = 2\nannouncements = ["请勿挂机"]\nagent_phrases = ["竭诚"]').roles
    assert read == RoleSettings(0.9, 2, ("请勿挂机",), ("竭诚",))


@pytest.mark.parametrize(("text", "told"), [
    ("sure = 0.3", "0.5 与 1"),
    ("agent_channel = 3", "1 或 2"),
    ('announcements = ["喂"]', "两个字"),
    ("agent_chanel = 1", "agent_channel"),
    ('sure = "very"', "sure"),
])  # fmt: skip
def test_refused_at_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(RuleBookError) as wrong:
        book(tmp_path, f"[roles]\n{text}\n")
    assert told in str(wrong.value) and "rules.toml:9" in str(wrong.value)
