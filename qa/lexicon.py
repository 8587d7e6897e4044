"""Word lists: one phrase a line, with its exceptions and a note.

The format (UTF-8, one phrase a line, blank lines and lines that begin with ``#`` are skipped)::

    phrase | exception, exception | note

``phrase`` is what must (not) be said, without punctuation.  An *exception* is a longer piece of text that holds the phrase and is
innocent (``知不知道`` for ``不知道``); commas may be Chinese or ASCII; ``*`` in it stands for up to eight characters
(``不知道您*方便``), and one with punctuation in its midst is not heard as one.  The note says why or where the phrase comes from.
The second and the third field may be left out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa.errors import LexiconError

WILDCARD = "*"
WILDCARD_LENGTH = 8

_CURE = "每行的格式是：词语 | 例外，例外 | 说明（后两栏可省）；# 开头的行是注释"


@dataclass(frozen=True)
class Phrase:
    """A phrase of a list; ``line`` is its line in the file (1 = first)."""

    text: str
    exceptions: tuple[str, ...] = ()
    line: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        if not self.text:
            raise ValueError("词语不能为空")


@dataclass(frozen=True)
class WordList:
    """A list of phrases, sorted as in its file; ``path`` is where it was read (several files: joined by ``;``; none: "")."""

    path: str
    phrases: tuple[Phrase, ...]

    def __len__(self) -> int:
        return len(self.phrases)


class LexiconErrors(LexiconError):  # noqa: N818  (a plural of LexiconError)
    """Several lines of word lists are wrong; ``problems`` holds an error for each, in order."""

    def __init__(self, subject: str, problems: tuple[LexiconError, ...]) -> None:
        self.problems = problems
        super().__init__(subject, f"共 {len(problems)} 处错误", "".join(f"\n{problem}" for problem in problems))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.subject, self.problems)


def each_fault(error: LexiconError) -> tuple[LexiconError, ...]:
    """The errors that ``error`` stands for: itself, or each of several."""
    return error.problems if isinstance(error, LexiconErrors) else (error,)


def load_word_list(path: Path | str) -> WordList:
    """Read a word list.

    Raises LexiconError with ``file:line`` as its subject: a file that is missing, not UTF-8 or holds no phrase, a line with more
    than three fields, an empty phrase, a phrase that is there twice, an exception that does not hold its phrase.  For several such
    lines its subclass LexiconErrors (``problems`` holds an error for each).
    """
    path = Path(path)
    phrases: list[Phrase] = []
    faults: list[LexiconError] = []
    seen: dict[str, int] = {}
    for number, raw in enumerate(_read(path).split("\n"), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        try:
            phrase = _parse(line, number, f"{path}:{number}")
            if phrase.text in seen:
                raise LexiconError(f"{path}:{number}", f"词语“{phrase.text}”与第 {seen[phrase.text]} 行重复", "请删去其中一行")
        except LexiconError as fault:
            faults.append(fault)
            continue
        seen[phrase.text] = number
        phrases.append(phrase)
    if faults:
        raise faults[0] if len(faults) == 1 else LexiconErrors(str(path), tuple(faults))
    if not phrases:
        raise LexiconError(f"{path}:1", "词表里没有任何词语", _CURE)
    return WordList(str(path), tuple(phrases))


def load_word_lists(paths: Iterable[Path | str]) -> WordList:
    """Several lists as one; a phrase that is in two files keeps the exceptions of both.  Errors as ``load_word_list``."""
    lists: list[WordList] = []
    faults: list[LexiconError] = []
    for path in paths:
        try:
            lists.append(load_word_list(path))
        except LexiconError as error:
            faults += each_fault(error)
    if faults:
        raise faults[0] if len(faults) == 1 else LexiconErrors(faults[0].subject, tuple(faults))
    if not lists:
        raise LexiconError("词表", "没有给出词表文件", "请至少写一个文件名")
    return joined(lists)


def joined(lists: Iterable[WordList]) -> WordList:
    """Several lists as one, in their order."""
    lists = tuple(lists)
    merged: dict[str, Phrase] = {}
    for phrase in (p for words in lists for p in words.phrases):
        old = merged.get(phrase.text)
        exceptions = tuple(dict.fromkeys((*old.exceptions, *phrase.exceptions))) if old else phrase.exceptions
        merged[phrase.text] = Phrase(phrase.text, exceptions, old.line if old else phrase.line, old.note if old else phrase.note)
    return WordList(";".join(words.path for words in lists if words.path), tuple(merged.values()))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise LexiconError(str(path), f"词表读不出来（{error.strerror or error}）", "请检查文件名和路径") from error
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise LexiconError(f"{path}:{line}", "词表不是 UTF-8 编码", "请另存为 UTF-8 编码的文本文件") from error


def _parse(line: str, number: int, subject: str) -> Phrase:
    fields = [unicodedata.normalize("NFKC", part).strip() for part in line.replace("｜", "|").split("|")]
    if len(fields) > 3:
        raise LexiconError(subject, f"有 {len(fields)} 栏，最多三栏", _CURE)
    fields += [""] * (3 - len(fields))
    text, exceptions, note = fields
    if not any(character.isalnum() for character in text):
        raise LexiconError(subject, "词语是空的", _CURE)
    found = tuple(part.strip() for part in exceptions.replace("、", ",").split(",") if part.strip())
    check_phrase(text, found, subject)
    return Phrase(text, found, number, note)


def check_phrase(text: str, exceptions: Iterable[str], subject: str) -> None:
    """Raise LexiconError for a phrase with spaces or punctuation in it, and for exceptions that can be none of its."""
    if not text or not all(character.isalnum() for character in text):
        raise LexiconError(subject, f"词语“{text}”里有空格或标点" if text else "词语是空的", "词语里不要写空格和标点")
    for exception in exceptions:
        if not all(character.isalnum() or character == WILDCARD for character in exception):
            raise LexiconError(subject, f"例外“{exception}”里有空格或标点", "例外里不要写空格和标点，* 代表至多八个字")
        if text not in exception or text == exception:
            raise LexiconError(subject, f"例外“{exception}”不含词语“{text}”或与它相同", "例外应是含有该词语的更长的说法")
