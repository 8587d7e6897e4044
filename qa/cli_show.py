"""Commands that read the database: one call, the agents, one agent."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from qa.cli_common import DB_DEFAULT, STYLE, Db, Json, Since, Until, demo_line, out, outcome_text, print_json, table
from qa.cli_logged import seen
from qa.clock import house_day
from qa.errors import NotFoundError
from qa.report_text import OUTCOME_SYMBOL, percent_text
from qa.types import Call, Outcome, Scorecard

if TYPE_CHECKING:
    from rich.console import Console

    from qa.intervals import Estimate
    from qa.ledger_cards import Adjustment
    from qa.report_view import CallView, CheckView, Line
    from qa.review.rulings import Verdict
    from qa.role_marks import RoleMark
    from qa.rules.book import RuleBook
    from qa.rules.money import Mark
    from qa.scorecards import AgentScorecard, CallScore
    from qa.store import Store
    from qa.withdrawals import Withdrawal

Decision = TypeVar("Decision", "Adjustment", "Mark", "Withdrawal", "RoleMark", "Verdict")
LISTED = 10
ROLE_STYLE = {"agent": "bold cyan", "customer": "bold yellow", "due": "bold magenta"}


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(show)
    app.command()(agents)
    app.command()(agent)


def plain(text: str, style: str = "") -> Text:
    """Text of the data: never taken for markup."""
    return Text(text, style=style)


def resolve(store: Store, wanted: str) -> str:
    """The id of the call called ``wanted``: a call id, or the name of a recording that only one call has.

    Errors: :class:`NotFoundError`, with the nearest ids.
    """
    calls = store.calls()
    if any(c.call_id == wanted for c in calls):
        return wanted
    if store.withdrawals.standing(wanted) is not None:
        store.scorecard(wanted)  # says why it does not count
    named = [c.call_id for c in calls if Path(c.file).name == Path(wanted).name]
    if len(named) == 1:
        return named[0]
    if named:
        raise NotFoundError(wanted, f"有 {len(named)} 通电话的录音叫这个名字", f"请用通话编号：{'、'.join(named[:5])}")
    near = difflib.get_close_matches(wanted, [c.call_id for c in calls], n=3)
    cure = f"是不是 {'、'.join(near)}？" if near else "请核对通话编号，或先运行 qa score"
    raise NotFoundError(wanted, "数据库中没有这通电话", cure)


def require_agent(store: Store, wanted: str) -> None:
    """Errors: :class:`NotFoundError` where no scored call is of this agent."""
    known = [a.agent_id for a in store.agents()]
    if wanted not in known:
        cure = f"有通话的坐席：{'、'.join(known[:10])}" if known else "数据库里还没有坐席的通话；评分时请给出 --calls calls.csv"
        raise NotFoundError(wanted, "数据库中没有这位坐席的通话", cure)


# ---------------------------------------------------------------- one call


def show(
    call: Annotated[str, typer.Argument(help="通话编号或录音文件名", metavar="CALL")],
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """看一通电话：得分、各项检查，文字里标出发现（transcript with the findings in place）。"""
    from qa.books import Books
    from qa.report_privacy import without_numbers
    from qa.report_view import view
    from qa.store import Store

    with Store(db, create=False) as store:
        call_id = resolve(store, call)
        heard, card = store.call(call_id), store.scorecard(call_id)
        decisions = _decisions(store, card, heard.record.customer_number if heard.record is not None else "")
        found, card = without_numbers(heard, card)
        book = Books(store).known(card.provenance)
        seen(store, "call.view", "call", call_id, command="show")
        if as_json:
            _show_json(store, call_id, found, book)
            return
        shown = view(found, card, book)
    console = out()
    _head(console, found, card)
    for line in (*decisions, *shown.channels):
        console.print(plain(f"· {line}", "yellow"), soft_wrap=True)
    for check in shown.checks:
        _check(console, check)
    _transcript(console, shown)
    made = card.provenance
    models = "；".join(f"{name} {model}" for name, model in made.models)
    console.print(plain(f"规则 {made.rule_book} {made.rule_book_version}；{models}；录音 {made.file_sha256[:12]}…", "dim"))


def _decisions(store: Store, card: Scorecard, number: str) -> list[str]:
    """What was decided of a call, by persons with name and reason, in order of time, without the customer's ``number``."""
    from qa import role_marks
    from qa.export import mask_name, mask_text

    titles = {result.check_id: result.title for result in card}
    made = [(one.created, f"由 {one.by} 调整为评分 {one.after}：{one.reason}") for one in store.adjustments(card.call_id)]
    made += [(one.created, mark_text(one, titles.get(one.rule_id, one.rule_id))) for one in store.marks(card.call_id)]
    made += [(one.created, str(one)) for one in role_marks.marks(store.db, card.call_id)]
    told = [(created, mask_text(text, number)) for created, text in made]
    told += [(one.created, mask_name(str(one), number)) for one in store.withdrawals.of(card.call_id)]
    return [f"{house_day(created)} {text}" for created, text in sorted(told, key=lambda one: one[0])]


def mark_text(mark: Mark, title: str) -> str:
    """``由 张三 认定“不说粗话”情节严重：当众辱骂``; ``title``: of the rule.  Numbers are not masked."""
    verb, after = ("认定", "情节严重") if mark.grave else ("撤回", "情节严重的认定")
    return f"由 {mark.by} {verb}“{title}”{after}：{mark.reason}"


def _show_json(store: Store, call_id: str, found: Call, book: RuleBook | None) -> None:
    from qa import export
    from qa.channel_facts import in_words, of_call

    (row,) = store.calls(call_id=call_id)
    whole: dict[str, Any] = json.loads(export.to_json([(row, store.scorecard(call_id))]))["calls"][0]
    whole["transcript"] = [
        {
            "start_ms": u.span.start_ms,
            "end_ms": u.span.end_ms,
            "speaker": u.speaker,
            "role": found.roles.role_of(u.speaker).value,
            "text": u.text,
        }
        for u in found.transcript.utterances
    ]
    whole["channel_facts"] = [
        {"kind": f.kind, "channel": f.channel, "figure": f.figure, "confidence": f.confidence, **dict(f.details), "text": in_words(f)}
        for f in of_call(found, *((book.roles,) if book else ()))
    ]
    whole["adjustments"] = [masked(one, row.customer_number) for one in store.adjustments(call_id)]
    whole["withdrawals"] = [masked(one, row.customer_number) for one in store.withdrawals.of(call_id)]
    whole["grave_marks"] = [masked(one, row.customer_number) for one in store.marks(call_id)]
    print_json(whole)


def masked(decided: Decision, number: str) -> Decision:
    """A person's decision without the customer's number."""
    from qa.export import mask_name, mask_text

    return replace(decided, call_id=mask_name(decided.call_id, number), reason=mask_text(decided.reason, number))


def _head(console: Console, call: Call, card: Scorecard) -> None:
    name = " ".join(filter(None, (call.record.agent_name if call.record else "", card.agent_id or ""))) or "坐席未知"
    title = Text.assemble((card.call_id, "bold"), "  ", name, "  ", (f"{percent_text(card.percent)}", "bold cyan"))
    title.append(" 分" if card.percent is not None else "").append(f"  覆盖率 {100 * card.coverage:.0f}%", style="dim")
    notes = [plain(f"· {note}", "yellow") for note in card.notes if not note.startswith("演示")]
    console.print(Panel(Text("\n").join([title, *notes]), expand=False, border_style="dim"))
    if card.provenance.demo:
        console.print(demo_line())


def _check(console: Console, check: CheckView) -> None:
    line = outcome_text(Outcome(check.outcome)).append(f"  {check.title}", style="bold").append(f"  {check.points}", style="dim")
    console.print(line)
    for finding in check.findings:
        console.print(Padding(plain(finding.message), (0, 0, 0, 4)))
        for e in finding.evidence:
            quote = f"：“{e.text}”" if e.text else ""
            console.print(Padding(plain(f"{e.clock}  {e.role}{quote}", "cyan"), (0, 0, 0, 4)))
    if check.clause and check.outcome != Outcome.NOT_APPLICABLE.value:
        console.print(Padding(plain(f"条款：{check.clause}", "dim"), (0, 0, 0, 4)))


def _transcript(console: Console, shown: CallView) -> None:
    console.rule("通话文字", style="dim", align="left")
    lines = Table.grid(padding=(0, 1))
    lines.add_column(justify="right", style="dim", no_wrap=True)
    lines.add_column(no_wrap=True)
    lines.add_column(overflow="fold")
    for line in shown.lines:
        lines.add_row(line.clock, plain(line.speaker, ROLE_STYLE.get(line.kind, "bold")), _words(line))
    console.print(lines)
    if shown.dropped:
        console.print(plain(f"另有 {len(shown.dropped)} 处文字判为识别器臆造，已去掉", "dim"))


def _words(line: Line) -> Text:
    """The words of a line, those that a finding quotes in its colour, and the findings after them."""
    text = Text()
    for piece in line.pieces:
        text.append(piece.text, style=f"{STYLE[Outcome(piece.outcome)]} reverse" if piece.outcome else "dim" if piece.unsure else "")
    for chip in line.chips:
        text.append(f"  {chip.symbol} {chip.title}", style=STYLE[Outcome(chip.outcome)])
    return text


# ---------------------------------------------------------------- agents


def agents(since: Since = None, until: Until = None, db: Db = DB_DEFAULT, as_json: Json = False) -> None:
    """所有坐席的平均分；差别在误差以内的不分名次（all agents）。"""
    from qa.appraisal import undated
    from qa.scorecards import overview
    from qa.store import Store

    with Store(db, create=False) as store:
        whole = overview(store.calls(None, since, until))
        undated_notes = undated.notes(store.db, None, bool(since or until))
        withdrawn = store.withdrawals.all(None, since, until)
        seen(store, "team.view", "team", "", since=since or "", until=until or "", command="agents")
    whole = replace(whole, notes=(*whole.notes, *undated_notes, *withdrawn_notes(withdrawn)))
    if as_json:
        print_json(whole)
        return
    made = table("名次", "工号", "姓名", "班组", "通话", "平均分", "95% 区间", "覆盖率", right=("通话", "平均分", "覆盖率"))
    for a in whole.agents:
        made.add_row(
            _rank(a.rank_from, a.rank_to),
            *(plain(t) for t in (a.agent_id, a.agent_name, a.team, str(a.calls))),
            percent_text(a.percent.value),
            _interval(a.percent, 1.0),
            "" if a.coverage is None else f"{100 * a.coverage:.0f}%",
        )
    console = out()
    console.print(made if whole.agents else "数据库里还没有坐席的通话")
    for note in whole.notes:
        console.print(plain(f"· {note}", "yellow"), soft_wrap=True)


def withdrawn_notes(found: Sequence[Withdrawal]) -> tuple[str, ...]:
    """Calls that do not count, or are proposed not to, because their records were corrected."""
    from qa.export import mask_name

    lines = []
    for proposed, words in (
        (False, "通电话因通话记录更正已撤回，不计"),
        (True, "通电话因通话记录更正应改是否计入，所在月份已关账，尚未改"),
    ):
        ids = [mask_name(one.call_id) for one in found if one.proposed is proposed]
        more = " 等" if len(ids) > LISTED else ""
        lines += [f"{len(ids)} {words}：{'、'.join(ids[:LISTED])}{more}"] if ids else []
    return tuple(lines)


def _rank(low: int | None, high: int | None) -> str:
    if low is None or high is None:
        return "—"
    return str(low) if low == high else f"{low}–{high}"


def _interval(estimate: Estimate, scale: float) -> str:
    if estimate.low is None or estimate.high is None:
        return "—"
    return f"{scale * estimate.low:.0f}–{scale * estimate.high:.0f}"


def agent(
    number: Annotated[str, typer.Argument(help="坐席工号", metavar="NUMBER")],
    since: Since = None,
    until: Until = None,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """一位坐席的评分卡：各项通过率、走势、好坏通话（one agent over a period）。"""
    from qa.appraisal import undated
    from qa.scorecards import agent_scorecard
    from qa.store import Store

    with Store(db, create=False) as store:
        require_agent(store, number)
        card = agent_scorecard(store.calls(number, since, until), number, since, until)
        beside = (*undated.notes(store.db, number, bool(since or until)), *withdrawn_notes(store.withdrawals.all(number, since, until)))
        card = replace(card, notes=(*card.notes, *beside))
        seen(store, "agent.view", "agent", number, since=since or "", until=until or "", command="agent")
    if as_json:
        print_json(card)
        return
    _agent(out(), card)


def _agent(console: Console, card: AgentScorecard) -> None:
    from qa.report_agent import trend_sentence

    head = Text.assemble((f"{card.agent_name} {card.agent_id}", "bold"), f"  {card.team}  {card.calls} 通电话  平均 ")
    head.append(percent_text(card.percent.value), style="bold cyan")
    head.append(f"（95% 区间 {_interval(card.percent, 1.0)}，n = {card.percent.n}）")
    console.print(Panel(head, expand=False, border_style="dim"))
    if card.demo:
        console.print(demo_line())
    figures = ("通过率", "95% 区间", "n", "无法判定", "出错", "不适用")
    made = table("检查项", *figures, right=figures)
    for c in card.checks:
        rate = "—" if c.rate.value is None else f"{100 * c.rate.value:.0f}%"
        counts = (c.rate.n, c.inconclusive, c.errors, c.not_applicable)
        made.add_row(plain(c.title), rate, _interval(c.rate, 100.0), *(str(n) for n in counts))
    console.print(made)
    for p in card.trend.points:
        bar = "█" * round((p.percent.value or 0.0) / 5)
        console.print(plain(f"{p.label:>10}  {bar:<20} {percent_text(p.percent.value)}  n = {p.percent.n}"))
    console.print(plain(trend_sentence(card.trend)))
    for title, calls in (("得分最低", card.worst), ("得分最高", card.best)):
        for call in calls:
            console.print(_extreme(title, call))
    for note in card.notes:
        console.print(plain(f"· {note}", "yellow"))


def _extreme(title: str, call: CallScore) -> Text:
    from qa.export import mask_name

    text = Text(f"{title}  ", style="dim").append(mask_name(call.call_id), style="not dim bold")
    text.append(f"  {percent_text(call.percent)}", style="not dim cyan")
    for failed in call.failed:
        text.append(f"  {OUTCOME_SYMBOL[Outcome.FAIL]} {failed}", style="not dim red")
    return text
