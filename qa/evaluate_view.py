"""The figures of an evaluation for a program (JSON) and for a person at the terminal (tables)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from qa.evaluate import NOT_SCORED, CheckFigures, Evaluation, Share
from qa.evaluate_diarization_view import diarization_json, diarization_tables

_KINDS = {
    "false_fail": "误判不通过", "missed_fail": "漏判", "false_ruling": "不该判而判", "not_ruled": "未判定", "other": "结论不同",
    "fault_span": "证据位置不符", "stray_evidence": "多余证据",
}  # fmt: skip
_OUTCOMES = {"pass": "通过", "fail": "不通过", "not_applicable": "不适用", "inconclusive": "无法判定", "error": "程序出错",
             NOT_SCORED: "未评分"}  # fmt: skip
_ROLES = {"agent": "坐席", "customer": "客户", "announcement": "语音播报", "third_party": "第三方", "unknown": "角色未知", "total": "合计"}


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """``{"checks": {id: {"precision", "recall", "ruled", "inconclusive", …}}, "asr": {"cer", …}, "measures": {…}, …}``."""
    words = evaluation.words
    total = dict(words.characters).get("total"), dict(words.syllables).get("total")
    return {
        "files": evaluation.files,
        "demo": evaluation.demo,
        "checks": {check: _check_json(figures) for check, figures in evaluation.checks},
        "total": _check_json(evaluation.total) if evaluation.total is not None else None,
        "asr": {
            "cer": total[0].value if total[0] else None,
            "cer_clear": words.clear.value,
            "syllable_error_rate": total[1].value if total[1] else None,
            "characters": total[0].length if total[0] else 0,
            "by_role": {role: {"cer": rate.value, "syllable_error_rate": dict(words.syllables)[role].value, "characters": rate.length}
                        for role, rate in words.characters if role != "total"},
        },
        "measures": {
            "rate_percent": evaluation.rate_percent.summary(),
            "level_db": evaluation.level_db.summary(),
            "rings": {"exact": evaluation.rings.value, "n": evaluation.rings.whole},
            "turn_start_ms": evaluation.turn_starts_ms.summary(),
            "turn_end_ms": evaluation.turn_ends_ms.summary(),
        },
        "channels": {kind: asdict(found) for kind, found in evaluation.channels.facts},
        "interruptions": {**asdict(evaluation.channels.interruptions), "calls": evaluation.channels.calls},
        **diarization_json(evaluation.diarization),
        "misses": [asdict(miss) for miss in evaluation.misses],
        "skipped": list(evaluation.skipped),
        "untold": list(evaluation.untold),
        "errors": [{"file": file, "message": message} for file, message in evaluation.errors],
    }  # fmt: skip


def _check_json(figures: CheckFigures) -> dict[str, Any]:
    return {
        "precision": figures.precision.value, "recall": figures.recall.value, "ruled": figures.ruled,
        "inconclusive": figures.inconclusive, "precision_low": figures.precision.low, "recall_low": figures.recall.low,
        "true_fails": figures.recall.whole, "found_fails": figures.recall.part, "claims": figures.precision.whole,
        "ruled_share": figures.ruled_share.value, "measurable": figures.ruled_share.whole, "agreement": figures.agreed.value,
        "false_rulings": figures.false_rulings, "fault_spans": figures.fault_spans.value, "faults": figures.fault_spans.whole,
    }  # fmt: skip


# ---------------------------------------------------------------- tables


def tables(evaluation: Evaluation) -> list[Table]:
    """Verdicts, words and measures, then the disagreements and the recordings without a result where there are any."""
    out = [_checks(evaluation), _words(evaluation), _measures(evaluation), *_channels(evaluation)]
    out += diarization_tables(evaluation.diarization)
    if evaluation.misses:
        table = _table("不一致之处", "录音", "检查项", "类别", "真值", "程序", "说明")
        for m in evaluation.misses:
            shown = [_OUTCOMES.get(v, v) for v in (m.expected, m.got)]
            table.add_row(*(Text(v) for v in (m.file, m.check, _KINDS[m.kind], *shown, m.message)))
        out.append(table)
    if evaluation.errors:
        table = _table("没有结果的录音", "录音", "原因")
        for file, message in evaluation.errors:
            table.add_row(Text(file), Text(message))
        out.append(table)
    return out


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _checks(evaluation: Evaluation) -> Table:
    mark = "（演示模型，结果不得用于考核）" if evaluation.demo else ""
    table = _table(
        f"判定与真值比较，{evaluation.files} 通录音{mark}",
        "检查项",
        "不通过查准率",
        "查全率",
        "判定",
        "未判定",
        "可判定中已判定",
        "不该判而判",
        "结论一致",
        "证据位置",
    )
    table.caption = "括号内：次数与 95% 单侧下限（Clopper-Pearson）"
    if evaluation.skipped:
        table.caption += f"；规则书没有、未比较的检查项：{'、'.join(evaluation.skipped)}"
    if evaluation.untold:
        table.caption += f"；真值没有、未比较的检查项：{'、'.join(evaluation.untold)}"
    whole = [("合计", evaluation.total)] if evaluation.total is not None and len(evaluation.checks) > 1 else []
    for check, f in (*evaluation.checks, *whole):
        table.add_row(
            Text(check),
            _bounded(f.precision),
            _bounded(f.recall),
            str(f.ruled),
            str(f.inconclusive),
            _share(f.ruled_share),
            str(f.false_rulings),
            _share(f.agreed),
            _share(f.fault_spans),
        )
    return table


def _words(evaluation: Evaluation) -> Table:
    table = _table("文字", "角色", "字错误率", "音节错误率（不计声调）", "字数")
    sounds = dict(evaluation.words.syllables)
    for role, rate in sorted(evaluation.words.characters, key=lambda pair: list(_ROLES).index(pair[0])):
        table.add_row(_ROLES[role], _percent(rate.value), _percent(sounds[role].value), str(rate.length))
    clear = evaluation.words.clear
    table.add_row("合计（真值均可判定的录音）", _percent(clear.value), "", str(clear.length))
    return table


def _measures(evaluation: Evaluation) -> Table:
    table = _table("测量", "量", "样本", "未测出", "平均误差", "误差绝对值中位数", "95% 分位", "最大")
    rows = (
        ("语速 (%)", evaluation.rate_percent, ".2f"),
        ("音量 (dB)", evaluation.level_db, ".2f"),
        ("话轮起点 (ms)", evaluation.turn_starts_ms, ".0f"),
        ("话轮终点 (ms)", evaluation.turn_ends_ms, ".0f"),
    )
    for name, errors, form in rows:
        s = errors.summary()
        figures = [s[key] for key in ("mean", "median_abs", "p95_abs", "max_abs")]
        table.add_row(name, str(s["n"]), str(s["missing"]), *("-" if v is None else format(v, form) for v in figures))
    table.caption = f"铃声次数完全一致：{_share(evaluation.rings)}"
    return table


def _channels(evaluation: Evaluation) -> list[Table]:
    table = _table("声道与插话", "项目", "真值有", "其中找到", "多报")
    names = {"same": "两声道相同", "swapped": "声道与话单相反", "dead": "声道没有信号", "leak": "串音"}
    rows = [*((names[kind], found) for kind, found in evaluation.channels.facts), ("抢话、插话", evaluation.channels.interruptions)]
    for name, found in rows:
        table.add_row(name, str(found.true), str(found.found), str(found.false))
    return [table] if any(f.true or f.false for _, f in rows) else []


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}%"


def _share(share: Share) -> str:
    return "-" if share.value is None else f"{_percent(share.value)} ({share.part}/{share.whole})"


def _bounded(share: Share) -> str:
    return "-" if share.value is None else f"{_percent(share.value)} ({share.part}/{share.whole}, ≥{_percent(share.low)})"
