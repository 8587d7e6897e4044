"""How long what is kept: a TOML file of the house, one period a kind of data.

A kind without a period is kept for ever; a key that is not known is an error, so that nobody believes in a period that nothing applies.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qa.errors import StoreError
from qa.toml_document import TomlDocument, WrongValueError, as_texts, as_whole

KINDS = {
    "audio": "录音文件",
    "clips": "片段",
    "search": "查找索引",
    "transcripts": "通话文字",
    "caches": "中间结果",
    "quotes": "评分里引用的原话",
    "remarks": "人工写的说明",
}
"""Kinds of data in the order in which they are deleted, with their names."""
MOST_DAYS = 36_500


@dataclass(frozen=True)
class Retention:
    """``days`` by kind: days from the call (of a clip: from its cutting), at least 1.  ``hold``: ids of calls of which nothing is deleted
    (a dispute, an inquiry); calls with an appeal under way are held in any case."""

    days: dict[str, int] = field(default_factory=dict)
    hold: tuple[str, ...] = ()

    def cutoff(self, kind: str, today: datetime.date) -> str | None:
        """The first day (ISO 8601) that is still kept; None where the kind is kept for ever.

        What the search keeps are words of the call: they never outlive the transcripts.
        """
        days = [self.days[name] for name in (kind, *(["transcripts"] if kind == "search" else [])) if name in self.days]
        return (today - datetime.timedelta(days=min(days))).isoformat() if days else None


def read(path: Path) -> Retention:
    """The periods of a file.

    Errors: :class:`StoreError` where it cannot be read, :class:`qa.errors.RuleBookError` with file and line for what is wrong in it.
    """
    try:
        document = TomlDocument(path, path.read_bytes())
    except OSError as error:
        raise StoreError(
            str(path), f"保存期限的文件读不了（{error.strerror}）", "请用 --retention 指定，写法见 docs/operation.md"
        ) from error
    for name in document.data:
        if name != "retention":
            document.problem((name,), f"未知的键 {name}", "只有 [retention] 一个表")
    days: dict[str, int] = {}
    hold: tuple[str, ...] = ()
    section = document.section("retention")
    if section is not None:
        for kind in KINDS:
            found = section.optional(f"{kind}_days", _days, None)
            if found is not None:
                days[kind] = found
        hold = section.optional("hold", as_texts, ()) or ()
        section.close()
    document.finish()
    return Retention(days, hold)


def _days(value: Any) -> int:
    days = as_whole(value)
    if not 1 <= days <= MOST_DAYS:
        raise WrongValueError(f"应在 1 与 {MOST_DAYS} 之间，现为 {days}", "永久保存就删去这一行")
    return days
