"""``[[checks.<id>.examples]]``: calls written beside a rule, and what the rule must find in them."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

from qa.check_examples import Scene, Sound, parse
from qa.rules.book import RuleExample
from qa.rules.read_values import as_choice
from qa.toml_document import Section, WrongValueError, as_number, as_text
from qa.types import Outcome

_SPAN = re.compile(r"(\d+(?:\.\d{1,3})?)\s*-\s*(\d+(?:\.\d{1,3})?)")
_OUTCOMES = tuple(outcome.value for outcome in Outcome if outcome is not Outcome.ERROR)


def read_examples(section: Section) -> tuple[RuleExample, ...]:
    """The examples of ``[checks.<id>]`` in their order; one with a fault is noted in the document and left out."""
    found: list[RuleExample] = []
    for row in section.tables_at("examples"):
        before = len(section.document.problems)
        name, script = row.required("name", as_text), row.required("script", _as_script)
        outcome, span = row.required("outcome", as_choice(*_OUTCOMES)), row.optional("span", _as_span, None)
        call = row.table_at("call")
        scene = _scene(script or "", call)
        row.close()
        if outcome == Outcome.FAIL and "span" not in row.table:
            cure = '写上 span = "开始秒-结束秒"，即应扣分的那一段'
            section.document.problem(row.at, f"[{row.name}] 的结果是 fail，却没有 span", cure)
        if any(example.name == name for example in found):
            section.document.problem((*row.at, "name"), f"[{row.name}] 有两个例子都叫 {name}", "换一个名字")
        if name and outcome and scene and len(section.document.problems) == before:
            found.append(RuleExample(name, scene, Outcome(outcome), span, section.document.where(row.at)))
    return tuple(found)


def _scene(script: str, call: Section | None) -> Scene | None:
    """The call of an example; what the table does not say is as in ``Scene``."""
    if call is None:
        return Scene(script)
    convert: dict[str, Callable[[Any], Any]] = {
        "direction": as_choice("in", "out"),
        "start": _as_moment,
        "line": as_text,
        "agent_id": as_text,
        "hangup_by": as_choice("agent", "customer", "unknown"),
        "wait_s": _as_seconds,
        "talk_s": _as_seconds,
        "duration_s": _as_seconds,
    }
    values = {name: call.optional(name, as_given, None) for name, as_given in convert.items()}
    sounds = {who: _sound(call, who) for who in ("agent", "customer")}
    call.close()
    given: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
    given |= {who: sound for who, sound in sounds.items() if sound != Sound()}
    if given.get("hangup_by") == "unknown":
        given["hangup_by"] = None
    return Scene(script, **given)


def _sound(call: Section, who: str) -> Sound:
    level, swing = call.optional(f"{who}_dbov", _as_level, None), call.optional(f"{who}_pitch_st", _as_semitones, 0.0)
    return Sound(Sound.level_dbov if level is None else level, pitch_range_st=swing or 0.0)


def _as_semitones(value: Any) -> float:
    semitones = float(as_number(value))
    if not 0 <= semitones <= 36:
        raise WrongValueError(f"为 {semitones:g}，应在 0 到 36 个半音之间", "平读约 2，生动的说话约 8")
    return semitones


def _as_script(value: Any) -> str:
    text = as_text(value)
    try:
        parse(text)
    except ValueError as error:
        raise WrongValueError(f"里的{error}", "每行写：坐席或客户 开始秒-结束秒 说的话") from error
    return text


def _as_span(value: Any) -> tuple[int, int]:
    match = _SPAN.fullmatch(as_text(value).strip())
    begin, end = (round(float(seconds) * 1000) for seconds in match.groups()) if match else (0, 0)
    if begin >= end:
        raise WrongValueError(f"为 {value!r}，不是一段时间", '写成 span = "0.5-4.0"，单位是秒')
    return begin, end


def _as_moment(value: Any) -> str:
    """A time, as a text or as TOML has it."""
    try:
        moment = value if isinstance(value, datetime.datetime) else datetime.datetime.fromisoformat(as_text(value))
    except ValueError as error:
        raise WrongValueError(f"为 {value!r}，不是时刻", "写成 2025-01-29T10:00:00") from error
    return moment.isoformat(timespec="milliseconds")


def _as_seconds(value: Any) -> float:
    seconds = float(as_number(value))
    if not 0 <= seconds <= 86_400:
        raise WrongValueError(f"为 {seconds:g}，应在 0 到 86400 秒之间", "")
    return seconds


def _as_level(value: Any) -> float:
    level = float(as_number(value))
    if not -100 <= level <= 0:
        raise WrongValueError(f"为 {level:g}，应在 -100 到 0 dBov 之间", "正常说话约为 -25")
    return level
