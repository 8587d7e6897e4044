"""Outcomes and severities in Chinese; nothing else, so that the command line can name them without loading anything."""

from __future__ import annotations

from qa.types import Outcome

OUTCOMES = {
    Outcome.PASS: "通过",
    Outcome.FAIL: "不通过",
    Outcome.NOT_APPLICABLE: "不适用",
    Outcome.INCONCLUSIVE: "无法判定",
    Outcome.ERROR: "检查出错",
}
SEVERITIES = {"advisory": "提示", "minor": "一般", "major": "重要", "critical": "严重"}
