"""What a trial of a rule book shows: tables and histograms for the terminal, a self-contained page, and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from qa import report
from qa.cli_common import demo_line, outcome_text, table
from qa.distribution import SIDES, Bin, Distribution, Line
from qa.export import mask_name
from qa.report_text import OUTCOME_SYMBOL, OUTCOME_TEXT, ROLE_TEXT, number, percent_text
from qa.rules.explain_text import yuan
from qa.rules.in_words import plain
from qa.rules.measures import MEASURES
from qa.types import Outcome
from qa.whatif import AgentMove, CallMove, Flip, Turn, WhatIf
from qa.whatif_money import Paid

AS_IF = "试评的罚款按全部违规计，没有人确认的也算在内：只用来比较规则，不是应罚的金额"
LISTED = 20
"""Rows of each table in the terminal."""
LISTED_ON_PAGE = 500
BAR = 40


def as_json(found: WhatIf) -> dict[str, Any]:
    """All figures; customers' numbers are masked in the ids of calls."""
    whole: dict[str, Any] = msgspec.to_builtins(found)
    for name in ("moves", "flips"):
        for row in whole[name]:
            row["call_id"] = mask_name(row["call_id"], row.pop("customer_number"))
    whole["errors"] = [{"subject": e.subject, "cause": e.cause, "cure": e.cure} for e in found.errors]
    return whole


# ---------------------------------------------------------------- words


def summary(found: WhatIf) -> tuple[str, ...]:
    """What would happen, in a few sentences."""
    lines = [f"用 {found.title}（{found.rule_book} {found.version}）试评 {found.calls} 通已存的通话，数据库没有改动"]
    if found.failed:
        lines.append(f"{found.failed} 通读不出保存的数据，没有试评")
    if found.n:
        change = signed((found.after or 0.0) - (found.before or 0.0))
        lines.append(f"平均分 {percent_text(found.before)} → {percent_text(found.after)}（{change}，n = {found.n}）")
    lines.append(f"得分有变的 {found.moved} 通；判定有变的 {found.flipped} 项；罚款有变的 {found.fines.moved} 通")
    if found.fines != Paid():
        lines.append(f"坐席罚款合计 {yuan(found.fines.before)} 元 → {yuan(found.fines.after)} 元（范围内的金额由人工决定）")
        lines.append(AS_IF)
    if found.unpriced:
        lines.append(f"另有 {found.unpriced} 通，数据库里没有它们评分时的规则书，罚款无从比较")
    if found.stood_under:
        lines.append(f"此前所用：{'；'.join(f'{book}（{n} 通）' for book, n in found.stood_under)}")
    return tuple(lines)


def signed(change: float) -> str:
    """``+1.5``, ``−0.3``, ``0``: to one decimal."""
    rounded = round(change, 1)
    return "0" if not rounded else f"{'+' if rounded > 0 else '−'}{percent_text(abs(rounded))}"


def change_text(before: float | None, after: float | None) -> str:
    return "" if before is None or after is None else signed(after - before)


def verdict_text(outcome: Outcome | None) -> str:
    return "没有这一条" if outcome is None else f"{OUTCOME_SYMBOL[outcome]} {OUTCOME_TEXT[outcome]}"


def heading(one: Distribution) -> str:
    """``语速（坐席，字/分钟）``."""
    whose = f"{ROLE_TEXT[one.role]}，" if MEASURES[one.measure].of_speaker else ""
    return f"{one.title}（{whose}{one.unit}）" if one.unit or whose else one.title


def figures_text(one: Distribution) -> str:
    missing = f"，另有 {one.missing} 通测不出" if one.missing else ""
    if one.median is None:
        return f"没有一通测得出{missing}"
    low, middle, high = (number(value).replace("-", "−") for value in (one.p5, one.median, one.p95))
    spread = f"5% {low}，中位数 {middle}，95% {high}"
    return f"{one.values} 通{missing}；{spread}"


def line_text(line: Line, one: Distribution) -> str:
    """``上限 200（语速）：高于它的 12 通，6.0%``."""
    of = f"（{'、'.join(line.of)}）" if line.of else ""
    named = {"low": ("低于", line.below), "high": ("高于", line.above)}
    sides = [named[line.side]] if line.side else list(named.values())
    counts = "，".join(f"{word}它的 {n} 通（{_share(n, one.values)}）" for word, n in sides)
    return f"{SIDES[line.side]} {plain(line.value)}{of}：{counts}"


def _share(n: int, of: int) -> str:
    return f"{100 * n / of:.1f}%" if of else "—"


@dataclass(frozen=True)
class BinView:
    """A row of a histogram: ``width`` 0-1 of the longest bar; ``outside``: wholly beyond a limit; ``marks`` are the limits in it."""

    label: str
    n: int
    width: float
    outside: bool
    marks: tuple[str, ...]


def bin_rows(one: Distribution) -> tuple[BinView, ...]:
    most = max((b.n for b in one.bins), default=1) or 1
    rows = []
    for place, b in enumerate(one.bins):
        first, last = place == 0, place == len(one.bins) - 1
        upper = b.high - 1 if one.whole and MEASURES[one.measure].decimals == 0 else b.high
        dash = " – " if b.low < 0 else "–"  # beside a minus sign a dash alone is one more of them
        label = f"{plain(b.low)}{dash}{plain(upper)}" if upper > b.low else plain(b.low)
        if first and one.outside[0]:
            label = f"≤ {plain(upper)}" if upper < b.high else f"< {plain(b.high)}"
        elif last and one.outside[1]:
            label = f"≥ {plain(b.low)}"
        marks = tuple(f"{SIDES[line.side]} {plain(line.value)}" for line in one.lines if b.low <= line.value < b.high)
        rows.append(BinView(label, b.n, b.n / most, _beyond(b, one.lines), marks))
    return tuple(rows)


def _beyond(b: Bin, lines: Iterable[Line]) -> bool:
    return any((line.side == "low" and b.high <= line.value) or (line.side == "high" and b.low > line.value) for line in lines)


# ---------------------------------------------------------------- terminal


def printed(found: WhatIf) -> Iterator[Text | Table | str]:
    """What the terminal shows, one thing after the other."""
    for line in summary(found):
        yield Text(line)
    if found.demo:
        yield demo_line()
    if found.agents:
        yield _agents(found.agents)
    if fined := _fined(found):
        yield Text("\n各坐席的罚款（元）", style="bold")
        yield _fines(fined)
    if found.moves:
        yield Text(f"\n变动最大的通话（{min(LISTED, len(found.moves))} / {found.moved}）", style="bold")
        yield _moves(found.moves[:LISTED])
    if found.turns:
        yield Text("\n判定的变化", style="bold")
        yield _turns(found.turns)
    if found.flips:
        yield Text(f"\n判定有变的通话（{min(LISTED, len(found.flips))} / {found.flipped}）", style="bold")
        yield _flips(found.flips[:LISTED])
    for one in found.distributions:
        yield from _histogram(one)


def _agents(agents: Iterable[AgentMove]) -> Table:
    figures = ("n", "原平均分", "新平均分", "变化", "有变的通话")
    made = table("工号", "姓名", *figures, right=figures)
    for a in agents:
        means = (percent_text(a.before), percent_text(a.after), change_text(a.before, a.after))
        made.add_row(Text(a.agent_id), Text(a.agent_name), str(a.n), *means, str(a.moved))
    return made


def _fined(found: WhatIf) -> tuple[AgentMove, ...]:
    """Agents who pay anything, before or after."""
    return tuple(agent for agent in found.agents if agent.fines != Paid())


def _fines(agents: Iterable[AgentMove]) -> Table:
    made = table("工号", "姓名", "原罚款", "新罚款", "有变的通话", right=("原罚款", "新罚款", "有变的通话"))
    for a in agents:
        made.add_row(Text(a.agent_id), Text(a.agent_name), yuan(a.fines.before), yuan(a.fines.after), str(a.fines.moved))
    return made


def _moves(moves: Iterable[CallMove]) -> Table:
    made = table("通话", "坐席", "原得分", "新得分", "变化", right=("原得分", "新得分", "变化"))
    for m in moves:
        scores = (percent_text(m.before), percent_text(m.after), change_text(m.before, m.after))
        made.add_row(Text(mask_name(m.call_id, m.customer_number)), Text(m.agent_id or ""), *scores)
    return made


def _verdict(outcome: Outcome | None) -> Text:
    return Text(verdict_text(None), style="dim") if outcome is None else outcome_text(outcome)


def _turns(turns: Iterable[Turn]) -> Table:
    made = table("规则", "名称", "原判定", "新判定", "通话", right=("通话",))
    for t in turns:
        made.add_row(t.rule_id, Text(t.title), _verdict(t.before), _verdict(t.after), str(t.calls))
    return made


def _flips(flips: Iterable[Flip]) -> Table:
    made = table("通话", "规则", "原判定", "新判定")
    for f in flips:
        made.add_row(Text(mask_name(f.call_id, f.customer_number)), Text(f.title), _verdict(f.before), _verdict(f.after))
    return made


def _histogram(one: Distribution) -> Iterator[Text | Table]:
    yield Text(f"\n{heading(one)}", style="bold")
    yield Text(figures_text(one))
    rows = bin_rows(one)
    if rows:
        grid = Table.grid(padding=(0, 1))
        for justify in ("right", "left", "right", "left"):
            grid.add_column(justify=justify, no_wrap=True)
        for row in rows:
            bar = Text("█" * round(BAR * row.width) or ("▏" if row.n else ""), style="red" if row.outside else "cyan")
            grid.add_row(row.label, bar, str(row.n), Text("◄ " + "、".join(row.marks) if row.marks else "", style="yellow"))
        yield grid
    for line in one.lines:
        yield Text(line_text(line, one))


# ---------------------------------------------------------------- page


def page(found: WhatIf, *, now: datetime | None = None) -> str:
    """The same as a page (HTML) that fetches nothing; ``now`` is shown as the time of making (default: this moment)."""
    return report.render(
        "whatif.html.j2",
        now,
        title=f"规则试评 {found.title}",
        demo=found.demo,
        found=found,
        period=f"{found.since or '最早'} 至 {found.until or '最近'}" if found.since or found.until else "全部",
        summary=summary(found)[1:],
        agents=[(a, percent_text(a.before), percent_text(a.after), change_text(a.before, a.after)) for a in found.agents],
        fines=[(a, yuan(a.fines.before), yuan(a.fines.after)) for a in _fined(found)],
        moves=[
            (mask_name(m.call_id, m.customer_number), m, percent_text(m.before), percent_text(m.after), change_text(m.before, m.after))
            for m in found.moves[:LISTED_ON_PAGE]
        ],
        flips=[(mask_name(f.call_id, f.customer_number), f, *_badges(f)) for f in found.flips[:LISTED_ON_PAGE]],
        turns=[(t, *_badges(t)) for t in found.turns],
        distributions=[_distribution(one) for one in found.distributions],
    )


def _badges(of: Flip | Turn) -> tuple[tuple[str, str, str] | None, ...]:
    """Key, symbol and word of the verdicts before and after."""
    return tuple(None if o is None else (o.value, OUTCOME_SYMBOL[o], OUTCOME_TEXT[o]) for o in (of.before, of.after))


def _distribution(one: Distribution) -> dict[str, object]:
    rows = bin_rows(one)
    described = "；".join(f"{row.label}：{row.n} 通" for row in rows)
    lines = [line_text(line, one) for line in one.lines]
    return {"heading": heading(one), "figures": figures_text(one), "rows": rows, "lines": lines, "described": described}
