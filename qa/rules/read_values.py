"""Values as people write them in a rule book: points, money, shares, hours, dates; each converter raises WrongValueError."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, TypeVar

from qa.toml_document import WrongValueError, as_number, as_text, as_texts, as_whole, kind, nearest

T = TypeVar("T")

Days = tuple[datetime.date, datetime.date]
"""First and last day, both inclusive."""

MAX_AMOUNT = Decimal(1_000_000)
_MAX_DECIMALS = 6
_ID = re.compile(r"[a-z0-9_]+")
_HOURS = re.compile(r"(\d{1,2}):(\d{2})\s*[-–—~至]+\s*(\d{1,2}):(\d{2})")
_DAY_MINUTES = 24 * 60


def as_id(value: Any) -> str:
    text = as_text(value)
    if not _ID.fullmatch(text):
        raise WrongValueError(f"{text!r} 不可用", "只用小写英文字母、数字和下划线")
    return text


def as_choice(*choices: str) -> Callable[[Any], str]:
    """One of the given words."""

    def convert(value: Any) -> str:
        text = as_text(value)
        if text not in choices:
            raise WrongValueError(f"为 {text!r}，只能是 {' 或 '.join(choices)}", nearest(text, choices))
        return text

    return convert


def as_known(known: Iterable[str], what: str, sign: str = "") -> Callable[[Any], tuple[str, ...]]:
    """A list of names that are all known; ``what`` they are is said in Chinese.  Each may have ``sign`` before it."""
    names = tuple(known)

    def convert(value: Any) -> tuple[str, ...]:
        for index, text in enumerate(texts := as_texts(value)):
            name = text.removeprefix(sign)
            if name not in names:
                raise WrongValueError(f"里的 {name} 不是{what}", nearest(name, names), (index,))
        return texts

    return convert


def as_share(value: Any) -> Decimal:
    number = as_number(value)
    if not 0 <= number <= 1:
        raise WrongValueError(f"为 {number}，超出 0–1", "写成 0 到 1 之间的小数，如 0.6 表示 60%")
    return number


def as_points(value: Any) -> Decimal:
    """Points above 0; bounded in size and decimals so that sums and the rounding of a percentage are exact."""
    return _exact(as_number(value), "不计分的检查项写 enabled = false")


def as_money(value: Any) -> Decimal:
    """Yuan above 0, at most two decimals."""
    number = _exact(as_number(value), "不罚款的规则不写 fine")
    if number != round(number, 2):
        raise WrongValueError(f"为 {number}，小数超过 2 位", "金额精确到分")
    return number


def as_amounts(value: Any) -> tuple[Decimal, ...]:
    """A list of at least one sum of money; the same sum may come again."""
    return as_list_of(as_money)(value)


def as_multiples(value: Any) -> tuple[Decimal, Decimal]:
    """Least and most multiple (1 or more); one number stands for both."""
    if not isinstance(value, list):
        value = [value, value]
    if len(value) != 2:
        raise WrongValueError(f"应为一个数或两个数，实有 {len(value)} 个", "如 grave = [2, 5] 表示二至五倍")
    low, high = (as_number(item) for item in value)
    if not 1 <= low <= high <= 1000:
        raise WrongValueError(f"为 {low} 至 {high}，应有 1 ≤ 前 ≤ 后", "如 grave = [2, 5] 表示二至五倍")
    return low, high


def as_list_of(convert: Callable[[Any], T]) -> Callable[[Any], tuple[T, ...]]:
    """A list of at least one value, each converted."""

    def converted(value: Any) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise WrongValueError(f"应为列表，实为{kind(value)}", "写成 [ … ]，只有一项也要方括号")
        if not value:
            raise WrongValueError("不能是空列表", "请写上内容，或删去这一行")
        out = []
        for index, item in enumerate(value):
            try:
                out.append(convert(item))
            except WrongValueError as wrong:
                raise WrongValueError(f"的第 {index + 1} 项{wrong.cause}", wrong.cure, (index, *wrong.inside)) from wrong
        return tuple(out)

    return converted


def as_count(value: Any) -> int:
    """A whole number, 0 or more."""
    number = as_whole(value)
    if number < 0:
        raise WrongValueError(f"为 {number}，不能小于 0", "")
    return number


def as_decimals(value: Any) -> int:
    number = as_whole(value)
    if not 0 <= number <= _MAX_DECIMALS:
        raise WrongValueError(f"为 {number}，超出 0–{_MAX_DECIMALS}", "写百分数保留的小数位数")
    return number


def as_weekday(value: Any) -> int:
    number = as_whole(value)
    if not 1 <= number <= 7:
        raise WrongValueError(f"为 {number}，超出 1–7", "1 是星期一，7 是星期日")
    return number


def as_hours(value: Any) -> tuple[int, int]:
    """``"08:30-12:00"`` as minutes of the day, from inclusive to exclusive; from > to runs over midnight."""
    text = unicodedata.normalize("NFKC", as_text(value)).strip()
    match = _HOURS.fullmatch(text)
    if match is None:
        raise WrongValueError(f"为 {text!r}，不是一段时间", "写成 08:30-12:00")
    begin, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if int(match[2]) > 59 or int(match[4]) > 59 or begin >= _DAY_MINUTES or end > _DAY_MINUTES:
        raise WrongValueError(f"为 {text!r}，没有这样的钟点", "从 00:00 到 24:00")
    if begin == end:
        raise WrongValueError(f"为 {text!r}，头尾相同，永远不会成立", "全天不必写 hours")
    return begin, end


def as_days(value: Any) -> Days:
    """A day or a stretch of days: ``"2025-01-28..2025-02-04"``, ``"2025-01-28"``, ``2025-01-28``."""
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value, value
    text = as_text(value).strip()
    ends = [part.strip() for part in text.split("..")]
    try:
        days = [datetime.date.fromisoformat(end) for end in ends]
    except ValueError:
        days = []
    if len(days) not in (1, 2):
        raise WrongValueError(f"为 {text!r}，不是日期或一段日期", "写成 2025-01-28..2025-02-04")
    if days[0] > days[-1]:
        raise WrongValueError(f"为 {text!r}，开始晚于结束", "前面写较早的日期")
    return days[0], days[-1]


def as_lines(value: Any) -> tuple[str, ...]:
    """Line numbers; ``*`` at the end stands for any ending."""
    for index, text in enumerate(texts := as_texts(value)):
        if "*" in text[:-1]:
            raise WrongValueError(f"里的 {text!r} 中间有 *", "* 只能写在号码末尾", (index,))
    return texts


def _exact(number: Decimal, cure: str) -> Decimal:
    if not 0 < number <= MAX_AMOUNT:
        raise WrongValueError(f"为 {number}，应大于 0 且不超过 {MAX_AMOUNT}", cure)
    if number != round(number, _MAX_DECIMALS):
        raise WrongValueError(f"为 {number}，小数超过 {_MAX_DECIMALS} 位", f"最多 {_MAX_DECIMALS} 位小数")
    return number
