"""The form by which a clip is cut: what was typed stays, and what is wrong with it stands beside its field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from qa.clips import cutting
from qa.clips.cutting import Wish, WishError
from qa.types import Span
from qa.web.language import translated as _
from qa.web.wording import told

if TYPE_CHECKING:
    from qa.web.ask import Fields

FIELDS = ("start", "end", "margin", "title", "example", "check", "beeps", "note")
_OF_WISH = {"span": "end", "margin_ms": "margin", "check_id": "check"}
"""Where the field that a :class:`WishError` names is called otherwise in the form."""
_BEEP = re.compile(r"\s*(\d+(?:\.\d+)?)\s*[-–—~至到]\s*(\d+(?:\.\d+)?)\s*")
_MOST_BEEPS, _MOST_S = 100, 1e6


def written(wish: Wish) -> dict[str, str]:
    """What the fields say of a wish; times in seconds of the recording."""
    beeps = "\n".join(f"{_seconds(s.start_ms)}-{_seconds(s.end_ms)}" for s in wish.beeps)
    times = {"start": _seconds(wish.span.start_ms), "end": _seconds(wish.span.end_ms), "margin": _seconds(wish.margin_ms)}
    return times | {"title": wish.title, "example": wish.example, "check": wish.check_id, "beeps": beeps, "note": wish.note}


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.1f}"


def typed(form: Fields) -> dict[str, str]:
    """What a person wrote, as it is."""
    return {name: form.text(name) for name in FIELDS}


def read(fields: Mapping[str, str], duration_ms: int) -> tuple[Wish | None, dict[str, str]]:
    """The wish that the fields say, or what is wrong with them: a sentence for each field that is to be changed.

    ``duration_ms``: of the recording, in which the clip has to begin.
    """
    problems: dict[str, str] = {}
    ms = {name: _ms(fields[name]) for name in ("start", "end", "margin")}
    problems |= {name: _("请写秒数，如 12.3") for name, value in ms.items() if value is None}
    start, end, margin = (ms[name] or 0 for name in ("start", "end", "margin"))
    if margin > cutting.LONGEST_MARGIN_MS:
        problems["margin"] = _("请写 0 到 {n} 秒", n=cutting.LONGEST_MARGIN_MS // 1000)
    if "start" not in problems and start >= duration_ms:
        problems["start"] = _("录音只有 {n} 秒", n=_seconds(duration_ms))
    elif not {"start", "end"} & problems.keys() and end <= start:
        problems["end"] = _("结束时间要晚于开始时间")
    beeps, told = _beeps(fields["beeps"])
    if told:
        problems["beeps"] = told
    if problems:
        return None, problems
    return Wish(Span(start, end), margin, beeps, fields["title"], fields["example"], fields["check"], fields["note"]), {}


def _ms(text: str) -> int | None:
    """Seconds as ms; None for what are none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return round(value * 1000) if 0 <= value <= _MOST_S else None


def _beeps(text: str) -> tuple[tuple[Span, ...], str]:
    """``12.3-14``, a line each: seconds of the recording; and what is wrong with the first line that is none."""
    out = []
    for line in filter(str.strip, text.splitlines()):
        found = _BEEP.fullmatch(line)
        if found is None or float(found[2]) > _MOST_S:
            return (), _("“{line}”看不懂：请写成 12.3-14，一行一处", line=line.strip()[:40])
        if float(found[2]) <= float(found[1]):
            return (), _("“{line}”的结束时间要晚于开始时间", line=line.strip()[:40])
        out.append(Span(round(float(found[1]) * 1000), round(float(found[2]) * 1000)))
    if len(out) > _MOST_BEEPS:
        return (), _("最多 {n} 处", n=_MOST_BEEPS)
    return tuple(out), ""


def refused(error: WishError) -> dict[str, str]:
    """What the core found wrong with a wish, by the field of the form."""
    return {_OF_WISH.get(error.of, error.of): _(told(error))}
