"""What a rule is worth, in points and in money, and how a book counts them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from qa.rules.model import Fine, Liability, Points, Scoring, SectionSetup, Severity
from qa.rules.money import AGENT, ROLE_TITLES
from qa.rules.read_layers import Layered
from qa.rules.read_values import as_amounts, as_choice, as_count, as_decimals, as_id, as_money, as_multiples, as_points, as_share
from qa.toml_document import Section, WrongValueError, as_text, dotted
from qa.toml_lines import Key

POINT_KEYS = ("weight", "deduction", "bonus", "per", "most", "warn_first", "veto")
AMOUNTS = ("weight", "deduction", "bonus")
_ROLES = {"坐席": AGENT, AGENT: AGENT} | {title: role for role, title in ROLE_TITLES.items()}
"""Roles by what rule books call them."""
MODES = ("percent", "deduction", "none")


@dataclass(frozen=True)
class Worth:
    """A rule's points and fine as written; ``silent``: nothing is written, so that the book's mode decides."""

    points: Points | None
    fine: Fine | None
    silent: bool


# ---------------------------------------------------------------- a rule


def read_worth(section: Section, severity: Severity) -> Worth:
    """Points and fine of ``[checks.<id>]``; an advisory rule has neither."""
    document = section.document
    fine_table = section.table_at("fine")
    fine = _fine(fine_table) if fine_table else None
    points = _points(section, fine)
    if points is not None and points.warn_first and fine is not None:
        fine = _one_unit(section, points, fine)
    written = [name for name in (*POINT_KEYS, "fine") if name in section.table]
    if severity is Severity.ADVISORY:
        for name in written:
            # one that the house inherits, and makes advisory, simply loses its points
            if not _inherited(document, (*section.at, name)):
                _contradiction(section, name, f"是 advisory，又写了 {name}", "advisory 的规则只作提示，不计分也不罚款")
        return Worth(None, None, False)
    return Worth(points, fine, not written)


def _points(section: Section, fine: Fine | None) -> Points | None:
    amounts = {name: section.optional(name, as_points, None) for name in AMOUNTS}
    per: str | None = section.optional("per", as_choice("call", "occurrence"), None)
    points = Points(
        **amounts,
        per="call",
        most=section.optional("most", as_points, None),
        warn_first=section.optional("warn_first", as_count, 0) or 0,
        veto=section.optional("veto", as_choice("section", "call"), None),
    )
    given = [name for name in AMOUNTS if name in section.table]
    shared = fine if points.warn_first else None
    points = replace(points, per=per or _unit_of(section, shared, bool(given) or points.veto is not None))
    for name in given[1:]:
        _contradiction(section, name, f"同时写了 {given[0]} 和 {name}", "只留其一")
    if not given or given == ["weight"]:
        for name in ("per", "most") if "warn_first" not in section.table else ("most",):
            if name in section.table:
                _contradiction(section, name, f"写了 {name}，却没有 deduction 或 bonus", f"{name} 只用于 deduction 和 bonus")
    elif "most" in section.table and points.per == "call":
        _contradiction(section, "most", "写了 most，却只按通话计一次", '加上 per = "occurrence"，或删去 most')
    once = points.deduction or points.bonus
    if points.most is not None and once is not None and points.most < once:
        _contradiction(section, "most", f"的 most（{points.most}）小于一次的分数（{once}）", "most 是一通电话最多计的分数")
    if points.warn_first and fine is None and points.veto is None and given in ([], ["bonus"]):
        cause = "写了 warn_first，却没有 weight、deduction、veto 或 fine"
        _contradiction(section, "warn_first", cause, "先警告只用于扣分、一票否决和罚款")
    if points.veto == "section" and "section" not in section.table:
        _contradiction(section, "veto", '写了 veto = "section"，却没有 section', '写上 section，或写 veto = "call"')
    return points if points != Points() else None


def _unit_of(section: Section, fine: Fine | None, counts: bool) -> str:
    """By what a rule counts that does not say so: as its fine says, where both share first warnings; else points go by the call, and a
    fine alone by the occurrence."""
    if fine is None:
        return "call"
    return fine.per if not counts or "per" in section.table["fine"] else "call"


def _one_unit(section: Section, points: Points, fine: Fine) -> Fine:
    """The fine of a rule that warns first: what is a warning must be one for points and for money, so both count by the same unit."""
    if "per" in section.table and "per" in section.table["fine"] and points.per != fine.per:
        cause = f'先警告，却按 per = "{points.per}" 计分、按 per = "{fine.per}" 罚款：同一次违规会一边是警告，一边不是'
        document, at = section.document, (*section.at, "fine", "per")
        document.problem(at, f"[{section.name}] {cause}", "两处的 per 写成一样，或只写一处")
    return replace(fine, per=points.per)


def _fine(section: Section) -> Fine | None:
    before = len(section.document.problems)
    amount, low, high = (section.optional(name, as_money, None) for name in ("amount", "low", "high"))
    escalation: tuple[Decimal, ...] = section.optional("escalation", as_amounts, None) or ()
    rest: dict[str, Any] = {
        "per": section.optional("per", as_choice("call", "occurrence"), "occurrence"),
        "cap": section.optional("cap", as_money, None),
        "grave": section.optional("grave", as_multiples, None),
        "then": section.optional("then", as_choice("same", "double"), "same"),
        "period": section.optional("period", as_choice("month", "quarter", "year"), "month"),
        "liable": _liable(section),
    }
    section.close()
    _one_way(section)
    if len(section.document.problems) > before:
        return None
    low, high = low or amount or min(escalation), high or amount or max(escalation)
    if low > high:
        _contradiction(section, "low", f"的 low（{low}）大于 high（{high}）", "low 是下限，high 是上限")
    if rest["cap"] is not None and rest["cap"] < low:
        _contradiction(section, "cap", f"的 cap（{rest['cap']}）小于一次的金额（{low}）", "cap 是一人一月最多的金额")
    return Fine(low, high, escalation=escalation, **rest)


def _one_way(section: Section) -> None:
    """A fine names its money in one way: a sum, a range, or a table of sums."""
    given = [name for name in ("amount", "low", "high", "escalation") if name in section.table]
    if given not in (["amount"], ["low", "high"], ["escalation"]):
        cause = f"同时写了 {' 和 '.join(given)}" if len(given) > 1 else f"只写了 {given[0]}" if given else "没有写明金额"
        section.document.problem(section.at, f"{section.name} {cause}", "写 amount，或写 low 和 high，或写 escalation，三者选一")
    for name in ("then", "period"):
        if name in section.table and "escalation" not in given:
            _contradiction(section, name, f"写了 {name}，却没有 escalation", "累进的金额写成 escalation = [20, 50, 100]")


def _liable(section: Section) -> tuple[Liability, ...]:
    """Who pays, each role once: two entries of one role could mean their sum or either of them."""
    found: list[Liability] = []
    for row in section.tables_at("liable"):
        one = _liability(row)
        if one is not None and one.role in [known.role for known in found]:
            cause = f"{section.name} 的 liable 写了两次 {ROLE_TITLES.get(one.role, one.role)}（{row.table['role']}）"
            section.document.problem((*row.at, "role"), cause, "每个角色只写一次；坐席、本人和 agent 是同一个角色")
        elif one is not None:
            found.append(one)
    return tuple(found)


def _liability(section: Section) -> Liability | None:
    written = (section.required("role", as_text) or "").strip()
    role = _ROLES.get(written.casefold(), written)
    share, amount = section.optional("share", _as_part, None), section.optional("amount", as_money, None)
    section.close()
    if ("share" in section.table) == ("amount" in section.table):
        cause, cure = f"{section.name} 的 share 和 amount 应写一个", "share 是坐席罚款的份额（0.8 即 80%），amount 是金额"
        section.document.problem(section.at, cause, cure)
        return None
    return Liability(role, share, amount) if role and (share is not None or amount is not None) else None


def _as_part(value: Any) -> Decimal:
    share = as_share(value)
    if not share:
        raise WrongValueError("为 0", "不承担责任的不必写")
    return share


# ---------------------------------------------------------------- the book


def read_scoring(document: Layered) -> Scoring:
    """``[scoring]``; ``mode`` is as written, else empty until the rules are known (``settle``)."""
    if "scoring" not in document.data or (section := document.section("scoring")) is None:
        return Scoring(mode="")
    standard = Scoring()
    scoring = Scoring(
        mode=section.optional("mode", as_choice(*MODES), "") or "",
        base=section.optional("base", as_points, standard.base) or standard.base,
        min_coverage=_or(section.optional("min_coverage", as_share, standard.min_coverage), standard.min_coverage),
        decimals=_or(section.optional("decimals", as_decimals, standard.decimals), standard.decimals),
        sections=_sections(section),
    )
    section.close()
    return scoring


def _sections(section: Section) -> tuple[SectionSetup, ...]:
    table = section.table_at("sections")
    found: list[SectionSetup] = []
    for name in table.table if table else ():
        assert table is not None
        if not _is_id(table, name) or (row := table.table_at(name)) is None:
            continue
        title, weight = row.required("title", as_text), row.optional("weight", as_points, None)
        row.close()
        # a section with a fault keeps its place, or every rule in it would be reported as well
        found.append(SectionSetup(name, title or name, weight))
    return tuple(found)


def mode_of(written: str, worths: Iterable[Worth]) -> str:
    """The mode that a book has: as written, else as its rules' points say."""
    if written:
        return written
    all_worths = list(worths)
    points = [worth.points for worth in all_worths if worth.points is not None]
    if any(p.deduction is not None for p in points):
        return "deduction"
    if any(p.weight is not None or p.bonus is not None or p.veto for p in points) or not any(worth.fine for worth in all_worths):
        return "percent"
    return "none"


def settle(document: Layered, rule_id: str, worth: Worth, mode: str) -> Points | None:
    """The rule's points under the book's mode: a weight of 1 where a rule says nothing.

    Notes a problem where the rule counts in another way than the book.  Weights make a share of what could be earned, deductions
    come off a base: a sum of both means nothing.
    """
    points, at = worth.points, ("checks", rule_id)
    if mode == "none":
        return _moneyed(document, at, points)
    if worth.silent:
        points = Points(weight=Decimal(1))
    if points is not None and mode == "deduction" and points.weight is not None:
        cause = f"[checks.{rule_id}] 按 weight 计分，而其他检查项按 deduction 扣分"
        document.problem(at, cause, "全部写 weight，或全部写 deduction")
    if points is not None and mode == "percent" and points.deduction is not None:
        cause = f"[checks.{rule_id}] 按 deduction 扣分，而规则书按百分数计分"
        document.problem((*at, "deduction"), cause, '改写 weight，或写 mode = "deduction"')
    return points


def _moneyed(document: Layered, at: tuple[str, str], points: Points | None) -> Points | None:
    """What is left of points in a book that counts none: first warnings, which hold for fines too."""
    for name in (*AMOUNTS, "most", "veto"):
        if name in document.data[at[0]][at[1]] and not document.inherited((*at, name)):
            document.problem((*at, name), f'[{dotted(at)}] 写了 {name}，而规则书的 mode = "none"', "不计分的规则书只写 fine")
    return Points(per=points.per, warn_first=points.warn_first) if points is not None and points.warn_first else None


def _is_id(section: Section, name: str) -> bool:
    try:
        as_id(name)
    except WrongValueError as wrong:
        section.document.problem((*section.at, name), f"名称 {wrong.cause}", wrong.cure)
        return False
    return True


def _contradiction(section: Section, name: str, cause: str, cure: str) -> None:
    subject = f"[{section.name}] " if not cause.startswith("的") else f"[{section.name}]"
    section.document.problem((*section.at, name), f"{subject}{cause}", cure)


def _inherited(document: object, key: Key) -> bool:
    return isinstance(document, Layered) and document.inherited(key)


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value
