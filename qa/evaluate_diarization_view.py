"""The figures of telling speakers apart for a program (JSON) and for a person at the terminal (a table)."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from qa.evaluate_diarization import DiarizationEvaluation, EngineFigures
from qa.evaluate_speakers import COLLAR_S, SpeakerFigures

_BASELINES = {"one speaker": "基线：只有一个说话人", "alternating": "基线：每次停顿换人"}


def diarization_json(found: DiarizationEvaluation | None) -> dict[str, Any]:
    """``{"diarization": {engine: {"der", "role_error", "ruled", "x_realtime", …}}, "diarization_baselines": {…}, …}``."""
    found = found or DiarizationEvaluation()
    return {
        "diarization": {name: _json(figures) for name, figures in found.engines},
        "diarization_baselines": {name: _json(figures) for name, figures in found.baselines},
        "diarization_notes": list(found.notes),
    }


def _json(figures: EngineFigures) -> dict[str, Any]:
    recordings = figures.recordings.as_json() if figures.recordings is not None else None
    return {**figures.mixes.as_json(), "conditions": {n: f.as_json() for n, f in figures.conditions}, "recordings": recordings}


def diarization_tables(found: DiarizationEvaluation | None) -> list[Table]:
    """One table, or none where nothing was measured."""
    if not found:
        return []
    if not (found.engines or found.baselines):
        return [Table(title="；".join(found.notes), title_justify="left")]
    table = Table(title="区分单声道里的说话人（双声道录音混成单声道后测量）", title_justify="left")
    forgiven = f"DER（边界 ±{COLLAR_S:g} s 不计）"
    for column in ("引擎", "录音", "DER", forgiven, "字归错人", "角色判错", "已判角色", "实时倍数（每核）", "内存增加 (MB)"):
        table.add_column(column, overflow="fold")
    for name, figures in (*found.engines, *((_BASELINES.get(n, n), f) for n, f in found.baselines)):
        _row(table, name, "混成单声道", figures.mixes)
        if figures.recordings is not None:
            _row(table, name, "单声道原录音", figures.recordings)
    table.caption = "DER：漏掉、多出和归错人的时间占说话时间的比例（重叠计入）；各种电平差和噪声的分项见 --json"
    if found.notes:
        table.caption += "；" + "；".join(found.notes)
    return [table]


def _row(table: Table, name: str, what: str, f: SpeakerFigures) -> None:
    data = f.as_json()
    speed, memory = data["x_realtime"], data["peak_mb"]
    table.add_row(
        Text(name), f"{what} {f.calls} 通", *(_percent(data[key]) for key in ("der", "der_collar")),
        f"{_percent(data['word_error'])}" + (f"（另有 {f.words_lost} 字无人）" if f.words_lost else ""),
        "-" if not f.ruled else f"{f.roles_wrong}/{f.ruled}", _percent(data["ruled"]),
        "-" if speed is None else f"{speed:.0f}", "-" if memory is None else f"{memory:.0f}",
    )  # fmt: skip


def _percent(value: float | int | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}%"
