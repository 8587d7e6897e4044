"""Steps of a script: what is said, what is asked, what is repeated; and how they are read from ``[[checks.<rule>.steps]]``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from qa.params import Context
from qa.rules.model import Say, Who
from qa.rules.read_conditions import as_who, read_say
from qa.toml_document import Section, WrongValueError, as_flag, as_text, as_texts

DIGITS, TEXT = "digits", "text"
"""Sorts of answers beside a list of choices."""

_STEP_ID = re.compile("[a-z0-9_]+")


@dataclass(frozen=True)
class Step:
    """A step; ``answer`` is "" (no question), ``digits``, ``text``, or a tuple of choices."""

    id: str
    title: str
    say: Say
    who: Who = Who.AGENT
    optional: bool = False
    answer: str | tuple[str, ...] = ""
    read_back: bool = False


def read_step(row: Section, context: Context) -> Step | None:
    """The step of a table, or None with its problems noted."""
    before = len(row.document.problems)
    step_id, title = row.required("id", _as_step_id), row.required("title", as_text)
    say = read_say(row, context)
    who = row.optional("who", as_who, Who.AGENT)
    optional, read_back = row.optional("optional", as_flag, False), row.optional("read_back", as_flag, False)
    answer: str | tuple[str, ...] | None = ""
    if "answer" in row.table:
        answer = row.required("answer", _as_answer)
    if "at_least" in row.table:
        row.document.problem((*row.at, "at_least"), "步骤里不能写 at_least", "几句都要说，请分成几个步骤")
    if read_back and not answer:
        row.document.problem((*row.at, "read_back"), "read_back 要和 answer 一起写", '写上 answer = "digits" 或 "text"')
    row.close()
    if len(row.document.problems) > before:
        return None
    assert step_id and title and say and who and answer is not None
    return Step(step_id, title, say, who, bool(optional), answer, bool(read_back))


def _as_step_id(value: Any) -> str:
    text = as_text(value)
    if not _STEP_ID.fullmatch(text):
        raise WrongValueError(f"{text!r} 不可用", "只用小写英文字母、数字和下划线")
    return text


def _as_answer(value: Any) -> str | tuple[str, ...]:
    if isinstance(value, list):
        return as_texts(value)
    if value not in (DIGITS, TEXT):
        raise WrongValueError(f"为 {value!r}，没有这一种", f'写 "{DIGITS}"、"{TEXT}"，或列出选项 ["是", "否"]')
    return str(value)
