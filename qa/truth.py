"""Truth files: what is known of labelled calls, for ``qa evaluate``.  The format is described in docs/truth-format.md."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from qa.errors import TruthError
from qa.types import Outcome, Role, Span

T = TypeVar("T")
TRUTH_FILE = "truth.jsonl"
KEYS = ("file", "verdicts", "turns", "measures", "faults", "interruptions", "sounds", "channels")
FACTS = ("same", "swapped", "dead", "leak")
VERDICTS = (Outcome.PASS, Outcome.FAIL, Outcome.NOT_APPLICABLE, Outcome.INCONCLUSIVE)
_ROLES = (Role.AGENT, Role.CUSTOMER, Role.ANNOUNCEMENT, Role.THIRD_PARTY)
_CURE = "格式见 docs/truth-format.md"


@dataclass(frozen=True)
class TruthTurn:
    """What one party really said, from its first to its last sound.

    ``speaker`` tells two of one role apart; empty: the role names the speaker.  ``characters``: when each Chinese character of ``text`` is
    heard, in order; empty: not known.
    """

    role: Role
    span: Span
    text: str
    speaker: str = ""
    characters: tuple[Span, ...] = ()

    @property
    def who(self) -> str:
        return self.speaker or self.role.value


@dataclass(frozen=True)
class TruthInterruption:
    """``by`` begins while ``into`` speaks; ``span`` is the time in which both do; ``backchannel``: a mere sign of listening."""

    by: Role
    into: Role
    span: Span
    backchannel: bool


@dataclass(frozen=True)
class TruthSound:
    """What is heard and is nobody's speech, e.g. ``music``."""

    what: str
    span: Span


@dataclass(frozen=True)
class TruthChannel:
    """What is wrong with the channels of a stereo file: one of :data:`FACTS`, of which channel, for a leak how loud (dB, negative)."""

    fact: str
    channel: int | None = None
    db: float | None = None


@dataclass(frozen=True)
class TruthFault:
    """Where a fault really is; ``what`` says it in words."""

    check: str
    span: Span
    what: str


@dataclass(frozen=True)
class Truth:
    """What is known of one call; a part that is not known is empty or None.

    ``turns`` are sorted by time.  ``rate_cpm`` is the agent's characters a minute, ``level_dbov`` the agent's active speech
    level, ``rings`` the rings begun before the answer.  ``interruptions`` and ``channels`` are None where nothing is known of them.
    ``line`` is the line of the truth file.
    """

    file: str
    line: int
    verdicts: tuple[tuple[str, Outcome], ...] = ()
    turns: tuple[TruthTurn, ...] = ()
    rate_cpm: float | None = None
    level_dbov: float | None = None
    rings: int | None = None
    faults: tuple[TruthFault, ...] = ()
    interruptions: tuple[TruthInterruption, ...] | None = None
    sounds: tuple[TruthSound, ...] = ()
    channels: tuple[TruthChannel, ...] | None = None

    def verdict(self, check: str) -> Outcome | None:
        return dict(self.verdicts).get(check)


def read_truth(path: Path) -> tuple[Truth, ...]:
    """All calls of a truth file (JSON Lines, UTF-8), in the order of the file.

    Raises TruthError, subject ``file:line``, at the first thing that is wrong; a file named twice and an empty file are wrong.
    """
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise TruthError(str(path), "没有真值文件", f"请在录音文件夹中放入 {TRUTH_FILE}，{_CURE}") from None
    except UnicodeDecodeError as error:
        bad = error.object[: error.start].count(b"\n") + 1
        raise TruthError(f"{path}:{bad}", "不是 UTF-8 文本", "请另存为 UTF-8 编码") from None
    except OSError as error:
        raise TruthError(str(path), f"读不出来（{error.strerror}）", "请检查路径和权限") from None
    truths: dict[str, Truth] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        truth = _Reader(f"{path}:{number}", number).truth(line)
        if truth.file in truths:
            raise TruthError(f"{path}:{number}", f"文件 {truth.file} 在第 {truths[truth.file].line} 行已经出现", "请删去其中一行")
        truths[truth.file] = truth
    if not truths:
        raise TruthError(str(path), "真值文件里没有通话", _CURE)
    return tuple(truths.values())


class _Reader:
    """Reads one line; every error names it."""

    def __init__(self, subject: str, line: int) -> None:
        self.subject, self.line = subject, line

    def fail(self, cause: str, cure: str = _CURE) -> TruthError:
        return TruthError(self.subject, cause, cure)

    def truth(self, text: str) -> Truth:
        try:
            value = json.loads(text, parse_constant=self._constant)
        except json.JSONDecodeError as error:
            raise self.fail(f"不是 JSON（第 {error.colno} 个字符处）", "每行一个完整的 JSON 对象") from None
        data = self.object(value, "整行")
        for key in data:
            near = difflib.get_close_matches(key, KEYS, 1, 0.8)
            if near and key not in KEYS:
                raise self.fail(f"不认识的键 {key!r}", f"是否应为 {near[0]!r}？")
        rate, level, rings = self._measures(data.get("measures"))
        turns = self.each(data.get("turns"), "turns", self._turn)
        interruptions = self.each(data.get("interruptions"), "interruptions", self._interruption)
        channels = self.each(data.get("channels"), "channels", self._channel)
        return Truth(
            self._file(data),
            self.line,
            self._verdicts(data.get("verdicts")),
            tuple(sorted(turns, key=lambda t: t.span)),
            rate,
            level,
            rings,
            self.each(data.get("faults"), "faults", self._fault),
            None if data.get("interruptions") is None else interruptions,
            self.each(data.get("sounds"), "sounds", self._sound),
            None if data.get("channels") is None else channels,
        )

    def _constant(self, name: str) -> float:
        raise self.fail(f"不允许的数值 {name}", "不知道的值写 null")

    def _file(self, data: dict[str, Any]) -> str:
        name = self.text(data, "file", "")
        parts = PurePosixPath(name)
        if not name or parts.is_absolute() or ".." in parts.parts or "\\" in name:
            raise self.fail(f"file 不是文件夹内的相对路径: {name!r}", "写录音文件名，子文件夹用 / 分隔")
        return str(parts)

    def _verdicts(self, value: object) -> tuple[tuple[str, Outcome], ...]:
        out = []
        for check, verdict in self.object(value if value is not None else {}, "verdicts").items():
            if verdict not in tuple(v.value for v in VERDICTS):
                allowed = "、".join(v.value for v in VERDICTS)
                raise self.fail(f"verdicts.{check} 的值 {verdict!r} 不对", f"只能是 {allowed}")
            out.append((check, Outcome(verdict)))
        return tuple(out)

    def _measures(self, value: object) -> tuple[float | None, float | None, int | None]:
        data = self.object(value if value is not None else {}, "measures")
        rate, level = self.number(data, "rate_cpm"), self.number(data, "level_dbov")
        rings = self.number(data, "rings")
        if rate is not None and rate <= 0:
            raise self.fail(f"rate_cpm 必须大于 0，不能是 {rate:g}")
        if level is not None and level > 0:
            raise self.fail(f"level_dbov 不能大于 0（{level:g}）")
        if rings is not None and (rings < 0 or rings != int(rings)):
            raise self.fail(f"rings 必须是不小于 0 的整数，不能是 {rings:g}")
        return rate, level, None if rings is None else int(rings)

    def _turn(self, data: dict[str, Any]) -> TruthTurn:
        speaker = self.text(data, "speaker", "turns") if "speaker" in data else ""
        characters = self._characters(data.get("characters_ms"))
        role, span = self._role(data, "role", "turns"), self._span(data, "turns")
        return TruthTurn(role, span, self.text(data, "text", "turns"), speaker, characters)

    def _role(self, data: dict[str, Any], key: str, where: str) -> Role:
        role = self.text(data, key, where)
        if role not in tuple(r.value for r in _ROLES):
            raise self.fail(f"{where} 的 {key} {role!r} 不对", f"只能是 {'、'.join(r.value for r in _ROLES)}")
        return Role(role)

    def _characters(self, value: object) -> tuple[Span, ...]:
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in value):
            raise self.fail("turns 的 characters_ms 必须是 [[起, 止], …]")
        spans = tuple(self._span({"start_ms": a, "end_ms": b}, "characters_ms") for a, b in value)
        if list(spans) != sorted(spans):
            raise self.fail("turns 的 characters_ms 没有按时间排列")
        return spans

    def _interruption(self, data: dict[str, Any]) -> TruthInterruption:
        where = "interruptions"
        by, into = self._role(data, "by", where), self._role(data, "into", where)
        return TruthInterruption(by, into, self._span(data, where), self._flag(data, "backchannel"))

    def _flag(self, data: dict[str, Any], key: str) -> bool:
        value = data.get(key, False)
        if not isinstance(value, bool):
            raise self.fail(f"{key} 只能是 true 或 false")
        return value

    def _sound(self, data: dict[str, Any]) -> TruthSound:
        return TruthSound(self.text(data, "what", "sounds"), self._span(data, "sounds"))

    def _channel(self, data: dict[str, Any]) -> TruthChannel:
        fact, channel = self.text(data, "fact", "channels"), self.number(data, "channel")
        if fact not in FACTS:
            raise self.fail(f"channels 的 fact {fact!r} 不对", f"只能是 {'、'.join(FACTS)}")
        if channel not in (None, 0, 1):
            raise self.fail("channels 的 channel 只能是 0 或 1")
        return TruthChannel(fact, None if channel is None else int(channel), self.number(data, "db"))

    def _fault(self, data: dict[str, Any]) -> TruthFault:
        what = self.text(data, "what", "faults") if "what" in data else ""
        return TruthFault(self.text(data, "check", "faults"), self._span(data, "faults"), what)

    def _span(self, data: dict[str, Any], where: str) -> Span:
        times = []
        for key in ("start_ms", "end_ms"):
            value = self.number(data, key)
            if value is None or value != int(value) or value < 0:
                raise self.fail(f"{where} 的 {key} 必须是不小于 0 的整数毫秒")
            times.append(int(value))
        if times[0] > times[1]:
            raise self.fail(f"{where} 的 start_ms {times[0]} 晚于 end_ms {times[1]}")
        return Span(times[0], times[1])

    def each(self, value: object, where: str, read: Callable[[dict[str, Any]], T]) -> tuple[T, ...]:
        items: Iterable[object] = [] if value is None else value if isinstance(value, list) else [None]
        return tuple(read(self.object(item, where)) for item in items)

    def object(self, value: object, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.fail(f"{where} 的类型不对")
        return value

    def text(self, data: dict[str, Any], key: str, where: str) -> str:
        value = data.get(key)
        if not isinstance(value, str):
            name = f"{where} 的 {key}" if where else key
            raise self.fail(f"缺少 {name}" if value is None else f"{name} 必须是文字")
        return value

    def number(self, data: dict[str, Any], key: str) -> float | None:
        value = data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.fail(f"{key} 必须是数字")
        return float(value)
