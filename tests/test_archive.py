"""The texts that a rule book was read from are whole: it can be read again from them alone, whatever is on the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from stored_houses import house

from qa import rulebook
from qa.paths import lexicons_at
from qa.rules.archive import MIRROR, Archive, unpack
from qa.rules.book import RuleBook


def _extending(folder: Path, parent: object, house_id: str, more: str = "") -> RuleBook:
    folder.mkdir(parents=True, exist_ok=True)
    head = f'[profile]\nid = "{house_id}"\ntitle = "{house_id}"\nversion = "1"\nextends = "{parent}"\n'
    (folder / "rules.toml").write_text(head + more, "utf-8")
    return rulebook.load(folder)


def _again(archive: Archive | None, folder: Path) -> RuleBook:
    assert archive is not None
    path, lexicons = unpack(archive, folder)
    with lexicons_at(lexicons):
        return rulebook.load(path)


def test_a_parent_at_an_absolute_path_is_the_one_of_its_day(tmp_path: Path) -> None:
    """With the parent's own word list, and what the parent extends by a relative path."""
    house(tmp_path / "z" / "grand", house_id="grand", rings=5)
    (tmp_path / "y" / "base").mkdir(parents=True)
    (tmp_path / "y" / "base" / "rude.txt").write_text("你管不着\n", "utf-8")
    banned = '[checks.banned_phrases]\nclause = "禁语。"\nwords = ["rude.txt"]\n'
    _extending(tmp_path / "y" / "base", "../../z/grand", "base", banned)
    book = _extending(tmp_path / "x" / "own", tmp_path / "y" / "base", "own", '[checks.volume]\nclause = "轻声。"\nmax_dbov = -20\n')
    assert [rule.id for rule in book.rules] == ["pickup", "volume", "banned_phrases"]
    house(tmp_path / "z" / "grand", house_id="grand", rings=2)
    (tmp_path / "y" / "base" / "rude.txt").write_text("随便你\n", "utf-8")
    for number in range(2):  # as it was, changed; then gone altogether
        again = _again(book.archive, tmp_path / f"unpacked{number}")
        assert again.content_hash == book.content_hash
        assert again.rules[0].params.max_rings == 5
        assert [phrase.text for phrase in again.rules[2].params.words.phrases] == ["你管不着"]
        for folder in "xyz":
            shutil.rmtree(tmp_path / folder, ignore_errors=True)


def test_an_archive_of_an_archive_is_the_same(tmp_path: Path) -> None:
    house(tmp_path / "base", house_id="base")
    book = _extending(tmp_path / "own", tmp_path / "base", "own")
    shutil.rmtree(tmp_path / "base")
    again = _again(book.archive, tmp_path / "first")
    shutil.rmtree(tmp_path / "own")
    assert again.archive is not None and not any(name.count(MIRROR) > 1 for name, _ in again.archive.files)
    third = _again(again.archive, tmp_path / "second")
    assert third.content_hash == book.content_hash


def test_relative_paths_need_no_second_copy(tmp_path: Path) -> None:
    house(tmp_path / "base", house_id="base")
    book = _extending(tmp_path / "own", "../base", "own")
    assert book.archive is not None and not any(MIRROR in name for name, _ in book.archive.files)
    assert _again(book.archive, tmp_path / "unpacked").content_hash == book.content_hash
