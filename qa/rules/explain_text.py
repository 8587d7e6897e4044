"""The arithmetic of a call's points and of an agent's month in money, in Chinese, as cells and lines of text.

Nothing is printed here and no figure is made here: every number comes out of ``qa.rules.points`` or ``qa.rules.money``.  Each row names
the rule, the clause, and the seconds of the recording (minutes:seconds.tenths from its start) that the figure rests on; the
sums below can be done again by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from qa.clock import house_day
from qa.export import mask_name, mask_text
from qa.report_text import OUTCOME_TEXT, clock
from qa.rules.model import Fine, Severity
from qa.rules.money import NOTHING, Charge, Mark, Month, Payment, RuleMonth, Yuan
from qa.rules.money import ROLE_TITLES as ROLE_TITLES
from qa.rules.points import Line, Part, Tally, Worth
from qa.scoring import share_text
from qa.types import Finding, Outcome

CALL_HEADERS = ("部分", "规则", "条款", "结果", "证据", "分数", "算法")
MONTH_HEADERS = ("时间", "通话", "规则", "条款", "证据", "金额（元）", "算法")

Cells = tuple[str, ...]
_PERIODS = {"month": "本月", "quarter": "本季度", "year": "本年"}
_UNRULED = {
    Outcome.NOT_APPLICABLE: "不适用，不计入",
    Outcome.INCONCLUSIVE: "无法判定，不得分也不扣分，覆盖率降低",
    Outcome.ERROR: "检查出错，不得分也不扣分，覆盖率降低",
}


# ---------------------------------------------------------------- a call's points


def call_rows(total: Tally) -> tuple[Cells, ...]:
    """A row for each rule, with the cells of ``CALL_HEADERS``."""
    titles = {setup.id: setup.title for setup in total.scoring.sections}
    return tuple(
        (
            titles.get(line.rule.section or "", ""),
            line.result.title,
            line.result.clause,
            OUTCOME_TEXT[line.result.outcome],
            evidence_text(f for f in line.result.findings if f.outcome is line.result.outcome),
            points_text(line.worth.counts, line.worth.worth, line.worth.kept),
            _how(line),
        )
        for line in total.lines
    )


def call_sums(total: Tally) -> tuple[str, ...]:
    """The sum of the call: parts, coverage, total."""
    shown = [part for part in total.parts if part.setup is not None or part.applied or part.vetoed]
    lines = [] if total.scoring.mode == "none" else [_part_text(part, total) for part in shown]
    lines.append(_coverage_text(total))
    if total.bonus:
        lines.append(f"加分：{_summed(line.worth.points for line in total.lines if line.worth.counts == 'bonus')} 分")
    if total.vetoed:
        lines.append(f"一票否决：{'、'.join(total.vetoed)}，整通电话记 0 分")
    if total.open_vetoes:
        lines.append(f"一票否决项无法判定，总分以人工复核为准：{'、'.join(total.open_vetoes)}")
    lines.append(_total_text(total))
    return tuple(lines)


def evidence_text(findings: Iterable[Finding]) -> str:
    """Stretches of the recording that findings rest on, as ``0:12.3–0:15.0、…``, each once."""
    spans = (evidence.span for finding in findings for evidence in finding.evidence)
    return "、".join(dict.fromkeys(f"{clock(span.start_ms)}–{clock(span.end_ms)}" for span in spans))


def figure(value: Decimal) -> str:
    """A number as it is, without zeros behind it that say nothing."""
    return f"{value.normalize():f}".replace("-", "−")


def points_text(counts: str, worth: Decimal, kept: Decimal | None) -> str:
    """``得 10 分（满分 10 分）``, ``扣 4 分``, ``加 5 分``; ``不计`` where nothing is counted.

    ``counts`` and ``kept`` as in :class:`qa.rules.points.Worth`.
    """
    if kept is None or not counts:
        return "不计"
    if counts == "weight":
        return f"得 {figure(kept)} 分（满分 {figure(worth)} 分）"
    verb, points = ("扣", worth - kept) if counts == "deduction" else ("加", kept)
    return f"{verb} {figure(points)} 分" if points else f"不{verb}分"


def _how(line: Line) -> str:
    worth, outcome = line.worth, line.result.outcome
    if outcome in _UNRULED:
        reasons = dict.fromkeys(f.message for f in line.result.findings if f.outcome is outcome)
        return f"{_UNRULED[outcome]}：{'；'.join(reasons)}"
    if line.rule.severity is Severity.ADVISORY:
        return "提示项，只显示，不计分"
    parts = [_sum_of(line)]
    if worth.warned:
        parts.insert(0, f"{worth.occurrences} 次中先警告 {worth.warned} 次，{_spared(line)}")
    if line.veto is not None:
        parts.append("一票否决，" + ("整通电话记 0" if line.veto == "call" else "本部分记 0"))
    return "；".join(parts)


def _spared(line: Line) -> str:
    """What a warning comes in place of: ``不扣分，不罚款``."""
    points = line.rule.points
    spared = (
        ("不扣分", line.worth.counts in ("weight", "deduction")),
        ("不作一票否决", points is not None and points.veto is not None),
        ("不罚款", line.rule.fine is not None),
    )
    return "，".join(text for text, holds in spared if holds)


def _sum_of(line: Line) -> str:
    worth, most = line.worth, line.rule.points.most if line.rule.points else None
    if worth.counts == "weight":
        kept = worth.points == worth.worth
        return f"得权重 {figure(worth.worth)}" if kept else f"权重 {figure(worth.worth)}，得 0"
    if worth.counts not in ("deduction", "bonus"):
        return "本条不计分" + ("，罚款按月另计" if line.rule.fine is not None else "")
    verb, times = ("扣", worth.occurrences - worth.warned) if worth.counts == "deduction" else ("加", worth.met)
    if not times:
        return f"不{verb}分"
    each = figure(worth.worth)
    text = f"每次{verb} {each} 分 × {times} 次 = {figure(worth.worth * times)} 分"
    return f"{text}，最多{verb} {figure(most)} 分" if worth.capped and most is not None else text


def _summed(values: Iterable[Decimal | None]) -> str:
    """``20 + 15 = 35``; a single one alone, 0 for nothing."""
    terms = [value for value in values if value]
    total = figure(sum(terms, Decimal(0)))
    return total if len(terms) < 2 else f"{' + '.join(figure(term) for term in terms)} = {total}"


def _of_part(part: Part, total: Tally) -> list[Worth]:
    own = part.setup.id if part.setup is not None else None
    known = {setup.id for setup in total.scoring.sections}
    return [x.worth for x in total.lines if (x.rule.section if x.rule.section in known else None) == own]


def _part_text(part: Part, total: Tally) -> str:
    title = part.setup.title if part.setup is not None else "其他各条" if total.scoring.sections else "各条"
    return f"{title}：{(_lost_text if total.scoring.mode == 'deduction' else _earned_text)(part, _of_part(part, total))}"


def _lost_text(part: Part, worths: list[Worth]) -> str:
    lost = f"扣 {_summed(-w.points for w in worths if w.counts == 'deduction' and w.points is not None)} 分"
    if part.vetoed:
        return f"{lost}；一票否决，本部分的 {figure(-part.points)} 分全扣"
    limit = part.setup.weight if part.setup is not None else None
    return lost if limit is None else f"{lost}（本部分 {figure(limit)} 分，扣完为止），计 {figure(-part.points)} 分"


def _earned_text(part: Part, worths: list[Worth]) -> str:
    if part.vetoed:
        return f"一票否决，得 0（在总分中的权重 {figure(part.weight)}）"
    if not part.ruled:
        return "没有可判定的项目，不计入总分"
    ruled = [w for w in worths if w.counts == "weight" and w.points is not None]
    text = f"得 {_summed(w.points for w in ruled)}，满分 {_summed(w.worth for w in ruled)}"
    return text if part.weight == part.ruled else f"{text}，在总分中的权重 {figure(part.weight)}"


def _coverage_text(total: Tally) -> str:
    if total.scoring.mode == "none":
        counted = [x.result.outcome for x in total.lines if x.rule.severity is not Severity.ADVISORY]
        applied = [outcome for outcome in counted if outcome is not Outcome.NOT_APPLICABLE]
        text = f"适用 {len(applied)} 条，可判定 {sum(outcome not in _UNRULED for outcome in applied)} 条"
    else:
        parts = [part for part in total.parts if part.applied]
        text = " + ".join(_covered(part, total) for part in parts) or "没有适用的项目"
        if len(parts) > 1:
            weights = " + ".join(figure(_in_whole(part, total)) for part in parts)
            text = f"({text}) ÷ ({weights})"
    return f"覆盖率：{text}，即 {share_text(total.coverage)}；规则书要求不低于 {share_text(total.scoring.min_coverage)}"


def _in_whole(part: Part, total: Tally) -> Decimal:
    own = part.setup.weight if part.setup is not None and total.scoring.mode == "percent" else None
    return part.applied if own is None else own


def _covered(part: Part, total: Tally) -> str:
    weight = _in_whole(part, total)
    if sum(bool(p.applied) for p in total.parts) == 1:
        return f"可判定 {figure(part.ruled)} ÷ 适用 {figure(part.applied)}"
    return figure(part.ruled) if weight == part.applied else f"{figure(weight)} × {figure(part.ruled)} ÷ {figure(part.applied)}"


_UNSCORED = {
    "mode": "总分：规则书不计分，只列出违规与罚款",
    "coverage": "总分：覆盖率不足，不给总分（不是 0 分）",
    "nothing": "总分：没有一项可判定，不给总分（不是 0 分）",
}


def _total_text(total: Tally) -> str:
    if total.percent is None or total.exact is None:
        return _UNSCORED[total.unscored]
    if total.vetoed:
        return f"总分 = {total.percent}"
    made = _deducted(total) if total.scoring.mode == "deduction" else _weighted(total)
    limit = "，低于 0 按 0 计" if total.exact < 0 else "，超过 100 按 100 计" if total.exact > 100 else ""
    return f"总分 = {made} = {total.percent}（四舍五入到 {total.scoring.decimals} 位小数{limit}）"


def _deducted(total: Tally) -> str:
    base = figure(total.scoring.base)
    lost = "".join(f" − {figure(-part.points)}" for part in total.parts if part.points)
    bonus = f" + {figure(total.bonus)}" if total.bonus else ""
    return f"100 × ({base}{lost}{bonus}) ÷ {base}"


def _weighted(total: Tally) -> str:
    """Numerator and denominator over the parts; a part without a weight of its own stands with its plain points."""
    counted = [part for part in total.parts if part.weight]
    earned = [
        figure(part.points)
        if part.weight == part.ruled
        else f"{figure(part.weight)} × {figure(part.points)} ÷ {figure(part.ruled or Decimal(1))}"
        for part in counted
    ]
    bonus = f" + {figure(total.bonus)}" if total.bonus else ""
    if not counted:
        return f"0{bonus}"
    if len(counted) == 1:
        return f"100 × {figure(counted[0].points)} ÷ {figure(counted[0].ruled or counted[0].weight)}{bonus}"
    return f"100 × ({' + '.join(earned)}) ÷ ({' + '.join(figure(part.weight) for part in counted)}){bonus}"


# ---------------------------------------------------------------- an agent's month in money


def yuan(amount: Yuan) -> str:
    """``50.00`` or ``50.00–500.00`` (yuan)."""
    return f"{amount.low:.2f}" if amount.low == amount.high else f"{amount.low:.2f}–{amount.high:.2f}"


def month_rows(sheet: Month) -> tuple[Cells, ...]:
    """A row for each charge or warning, with the cells of ``MONTH_HEADERS``, rule by rule in order of time."""
    return tuple(_charge_row(charge, rule) for rule in sheet.rules for charge in rule.charges)


def month_sums(sheet: Month) -> tuple[str, ...]:
    """Each rule's sum and who pays it, then what each role pays in the month; of a provisional month it is said that this is no sum."""
    month = f"{sheet.year} 年 {sheet.month} 月"
    lines = [line for rule in sheet.rules for line in _rule_sums(rule, sheet.provisional)]
    if not lines:
        return (f"{month}：{'暂无已确认的罚款' if sheet.provisional else '没有罚款'}",)
    totals = totals_text(sheet.totals)
    ranged = any(amount.low != amount.high for _, amount in sheet.totals)
    note = "。范围内的金额由人工决定" if ranged else ""
    return (*lines, f"{month}{'已确认部分（非合计）' if sheet.provisional else '合计'}：{totals}（四舍五入到分{note}）")


def totals_text(totals: Iterable[tuple[str, Yuan]]) -> str:
    """``本人 50.00 元；直接领导 40.00 元``."""
    return "；".join(f"{_role(role)} {yuan(amount)} 元" for role, amount in totals)


def _charge_row(charge: Charge, rule: RuleMonth) -> Cells:
    first = charge.found[0]
    evidence = evidence_text(one.finding for one in charge.found if one.finding is not None)
    return (
        f"{first.at:%Y-%m-%d %H:%M}",
        mask_name(first.call_id),
        first.title,
        first.clause,
        evidence,
        yuan(charge.cost),
        _why(charge, rule),
    )


def _why(charge: Charge, rule: RuleMonth) -> str:
    if charge.number is None:
        return "先警告，不罚款" + (f"；{_marked(charge.mark)}，仍在先警告的次数之内" if charge.mark is not None else "")
    fine = rule.rule.fine
    assert fine is not None  # it was charged
    each = "每通" if fine.per == "call" else "每次"
    if fine.escalation:
        text = f"{_PERIODS[fine.period]}第 {charge.number} 次，按 {_table(fine)} 罚 {yuan(charge.base)} 元"
    else:
        text = f"第 {charge.number} 次，{each} {yuan(charge.base)} 元" + ("，范围内由人工决定" if fine.low != fine.high else "")
    if charge.mark is None:
        return text
    if charge.multiple is None:
        return f"{text}，{_marked(charge.mark)}，但规则没有写加倍"
    low, high = charge.multiple
    multiple = figure(low) if low == high else f"{figure(low)}–{figure(high)}"
    return f"{text}，{_marked(charge.mark)}，{multiple} 倍 = {yuan(charge.cost)} 元"


def _marked(mark: Mark) -> str:
    """``情节严重（张三 2025-03-07 认定：当众辱骂客户）``."""
    return f"情节严重（{mark.by} {house_day(mark.created)} 认定：{mask_text(mark.reason)}）"


def _table(fine: Fine) -> str:
    amounts = "、".join(figure(amount) for amount in fine.escalation)
    return f"{amounts}，之后{'每次加倍' if fine.then == 'double' else '不变'}"


def _rule_sums(rule: RuleMonth, provisional: bool) -> Iterable[str]:
    title = rule.charges[0].found[0].rule.title
    if not rule.charged:
        yield f"{title}：{'已确认的' if provisional else ''}只有警告，不罚款"
        return
    costs = [yuan(charge.cost) for charge in rule.charges if not charge.warning]
    summed = f"{' + '.join(f'({c})' if '–' in c and len(costs) > 1 else c for c in costs)} = " if len(costs) > 1 else ""
    yield f"{title}：{summed}{yuan(rule.whole)} 元{_capped(rule)}"
    for payment in rule.payments:
        if payment.share is not None or payment.amount is not None:
            yield f"　{_role(payment.role)}：{_payment(payment, rule)} = {yuan(payment.cost)} 元"


def _capped(rule: RuleMonth) -> str:
    """How a cap cut the sum; where the fine changed in mid-month, whose cap that is and what was taken of it before."""
    if rule.fine == rule.whole:
        return ""
    if rule.before == NOTHING or rule.cap is None:
        return f"，一人一月封顶，计 {yuan(rule.fine)} 元"
    before = f"金额在本月内改过，全月只封顶一次：按最后一次违规时的规定 {figure(rule.cap)} 元，前面已计 {yuan(rule.before)} 元"
    return f"，一人一月封顶（{before}），计 {yuan(rule.fine)} 元"


def _payment(payment: Payment, rule: RuleMonth) -> str:
    if payment.share is not None:
        fine = yuan(rule.fine)
        return f"{f'({fine})' if '–' in fine else fine} 元 × {figure(payment.share * 100)}%"
    each = payment.amount or Decimal(0)
    cut = payment.cost.high < each * rule.charged  # only the agent's own is held at the cap
    return f"每次 {figure(each)} 元 × {rule.charged} 次" + ("，一人一月封顶" if cut else "")


def _role(role: str) -> str:
    return ROLE_TITLES.get(role, role)
