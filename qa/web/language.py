"""Chinese and English.  The Chinese text is the key; English stands in ``qa/web/english/<area>.toml``, one file an area.

A text with figures has places by name: ``_("共 {n} 通", n=3)``.  What a person wrote, what a rule book says and what was said in a
call is never translated.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.resources import files

LANGUAGES = ("zh", "en")
_current: ContextVar[str] = ContextVar("language", default="zh")


def marked(text: str) -> str:
    """The text itself; marks one that stands in a table and is translated where it is shown."""
    return text


MARKED_ELSEWHERE: tuple[str, ...] = ("qa/report.py",)
"""Files outside ``qa/web`` that mark texts for translation (paths from the root of the project)."""


def vocabulary() -> Iterator[str]:
    """Words of tables that pages show by ``_(word)``: outcomes, roles, measured values, facts of a call."""
    from qa import outcome_words, report, report_text
    from qa.operation.retention import KINDS
    from qa.people.accounts import ROLE_TITLES

    for table in (outcome_words.OUTCOMES, ROLE_TITLES, report_text.ROLE_TEXT, report_text.VALUE_TEXT, KINDS):
        yield from table.values()
    yield from report.LABELS
    from qa.review import appeal_states, queue, verdicts

    for named in (verdicts.ACTIONS, appeal_states.LEVELS, appeal_states.ACTIONS, appeal_states.STATUS):
        yield from named.values()
    yield from (name for _weight, name in queue.WORTH.values())


def chinese(text: str, **values: object) -> str:
    """The text with its values."""
    return text.format(**values) if values else text


@functools.cache
def english() -> Mapping[str, str]:
    """All translations; a key that stands in two files has the same English in both."""
    found: dict[str, str] = {}
    for file in sorted(files("qa.web").joinpath("english").iterdir(), key=lambda f: f.name):
        for key, text in tomllib.loads(file.read_text("utf-8")).items():
            if found.setdefault(key, text) != text:
                raise ValueError(f"{file.name}: {key} has two translations")
    return found


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Inside, :func:`translated` answers in this language."""
    token = _current.set(language if language in LANGUAGES else "zh")
    try:
        yield
    finally:
        _current.reset(token)


def translated(text: str, **values: object) -> str:
    """``_`` of all templates: the text in the language of the request, its values filled in; without English it stays Chinese."""
    return chinese(english().get(text, text) if _current.get() == "en" else text, **values)
