"""Commands about rules in time and what persons decide: judge stored calls again, try rules, close months, call grave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from qa.cli_common import DB_DEFAULT, EXIT_FAILED, Db, Json, QaGroup, Since, Until, err, error_line, out, print_json, table
from qa.cli_logged import changed
from qa.cli_show import mark_text, masked, resolve
from qa.clock import house_day, house_minute
from qa.errors import RuleBookError
from qa.report_text import percent_text

if TYPE_CHECKING:
    from qa.pipeline import FileResult
    from qa.rescore import Moved, Rescored
    from qa.rules.book import RuleBook
    from qa.store import Store

LISTED = 40
LISTED_VERSIONS = 3
PROPOSED = "属于已关账的月份，新的评分待批准：qa adjust 通话 --by 姓名 --reason 理由"
By = Annotated[str, typer.Option("--by", help="谁做的（姓名），记入数据库", metavar="NAME")]

months_app = typer.Typer(cls=QaGroup, no_args_is_help=True, help="关账的月份：关账后评分不再变动，更正要经 qa adjust（closed months）")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(rescore)
    app.command()(whatif)
    app.command()(grave)
    app.add_typer(months_app, name="months")


# ---------------------------------------------------------------- versions


def version_lines(versions: Iterable[tuple[str, int]], book: RuleBook | None = None) -> tuple[str, ...]:
    """Which versions of the rule book were used, and whether the present one was among them."""
    used = tuple(versions)
    if not used:
        return ()
    lines = [f"所用规则书：{'；'.join(f'{version}（{n} 通）' for version, n in used)}"]
    if book is not None and all(book.stamp != version.split()[-1] for version, _ in used):
        lines.append(f"提示：{book.id} 现在的内容 {book.stamp} 没有用于任何通话：按通话日期，有效的是以前登记的版本")
    return tuple(lines)


def score_lines(results: Sequence[FileResult]) -> tuple[str, ...]:
    """What ``qa score`` says of versions and closed months."""
    made = [r.scorecard.provenance for r in results if r.scorecard is not None]
    lines = version_lines(sorted(Counter(f"{one.rule_book} {one.rule_book_version}" for one in made).items()))
    proposed = sum(r.proposed for r in results)
    lines = (*lines, *(f"通话 {one.call_id} {one.withdrawal}" for r in results for one in r.withdrawn))
    return (*lines, f"{proposed} 通{PROPOSED}") if proposed else lines


def show_other_contents(store: Store, book: RuleBook, since: str | None = None, until: str | None = None) -> None:
    """Register ``book`` and say, before anything is judged, which other contents of the same id will judge calls of the period."""
    from qa import registrations, rows

    registrations.register(store, book)
    low, high = rows.period(since, until)
    last = date.fromisoformat(high[:10]) - timedelta(days=high[10:] == "T00:00:00.000") if high else None
    reigns = store.ledger.reigns(book.id, date.fromisoformat(low[:10]) if low else None, last)
    others = [reign for reign in reigns if reign.version.hash != book.content_hash]
    for reign in others[-LISTED_VERSIONS:]:
        days = f"{f'{reign.since} 起' if reign.since else ''}{f'到 {reign.until} 为止' if reign.until else ''}" or "所有日期"
        version = reign.version
        other = "" if version.title == book.title else "，名称不同，可能是另一本规则书用了同一个 id"
        told = f"{version.stamp}“{version.title}”，{house_day(version.registered)} 登记{other}"
        err().print(f"提示：{days}的通话，按 {book.id} 的另一份内容评分：{told}", style="yellow", markup=False, soft_wrap=True)
    if len(others) > LISTED_VERSIONS:
        err().print(f"提示：更早的还有 {len(others) - LISTED_VERSIONS} 段时间按以前的内容评分", style="yellow", markup=False)


def recounted(store: Store, results: Sequence[FileResult]) -> tuple[list[FileResult], tuple[str, ...]]:
    """First warnings counted in order of time, after recordings were scored in any order: the results as they are then, and what to say."""
    from qa.rescore import day_of, recount

    days = [(r, day_of(r.call.record)) for r in results if r.call is not None and r.scorecard is not None]
    months = {(r.scorecard.agent_id, f"{day:%Y-%m}") for r, day in days if r.scorecard is not None and day is not None}
    found = recount(store, months | {(one.agent_id, one.month) for r in results for one in r.withdrawn})
    now = {m.call_id: next(k.scorecard for k in store.history(m.call_id) if k.id == m.scorecard_id) for m in found.moved}
    shown = [replace(r, scorecard=now[r.call_id]) if r.call_id in now else r for r in results]
    proposed = sum(m.proposed for m in found.moved)
    lines = [f"先警告的次数已按通话时间重算：{len(found.moved)} 通的得分因此改变"] if found.moved else []
    missed = [f"{len(found.conflicts)} 通刚刚有人复核，先警告的次数没有重算，请再运行一次"] if found.conflicts else []
    return shown, (*lines, *([f"其中 {proposed} 通{PROPOSED}"] if proposed else []), *missed)


# ---------------------------------------------------------------- rescore


def rescore(
    profile: Annotated[
        str | None, typer.Option("--profile", help="规则书的名字或文件夹（rule book）；不写则每通按它自己的规则书", metavar="PROFILE")
    ] = None,
    all_houses: Annotated[bool, typer.Option("--all-houses", help="原先按别的规则书评分的通话也改按 --profile")] = False,
    since: Since = None,
    until: Until = None,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """按规则书重评已存的通话：不再转写；已关账的月份只提出建议（judge stored calls again）。"""
    from qa import rescore as rescoring
    from qa import rulebook
    from qa.store import Store

    if all_houses and profile is None:
        raise RuleBookError("--all-houses", "没有写都改按哪一本规则书", "请加 --profile")
    book = rulebook.load_scoring(profile) if profile is not None else None
    with Store(db, create=False) as store:
        if book is not None:
            show_other_contents(store, book, since, until)
        asked = {"rule_book": f"{book.id} {book.stamp}" if book is not None else "", "since": since or "", "until": until or ""}
        changed(store, "", "calls.rescore", "calls", "", **asked, all_houses=all_houses)
        with err().status("重评 …") as status:
            progress = lambda done: status.update(f"重评 … {done} 通")  # noqa: E731
            found = rescoring.rescore(store, book, since, until, progress, all_houses=all_houses)
    for error in found.errors[:LISTED]:
        err().print(error_line(error), soft_wrap=True)
    if as_json:
        print_json(_rescored(found, book))
    else:
        _show_rescored(found, book, all_houses)
    if found.failed:
        raise typer.Exit(EXIT_FAILED)


def _rescored(found: Rescored, book: RuleBook | None) -> dict[str, Any]:
    counts = {name: getattr(found, name) for name in ("rescored", "changed", "proposed", "unchanged", "failed", "others")}
    errors = [{"subject": e.subject, "cause": e.cause, "cure": e.cure} for e in found.errors]
    return {
        "rule_book": book.id if book is not None else None,
        "version": book.stamp if book is not None else None,
        **counts,
        "versions": dict(found.versions),
        "moved": found.moved,
        "errors": errors,
    }


def _show_rescored(found: Rescored, book: RuleBook | None, all_houses: bool) -> None:
    console = out()
    if found.moved:
        console.print(_moved(found.moved[:LISTED]))
        if len(found.moved) > LISTED:
            console.print(f"… 另有 {found.changed + found.proposed - LISTED} 通")
    failed = f"，不能重评 {found.failed}" if found.failed else ""
    counts = f"结果有变 {found.changed}，待批准 {found.proposed}，不变 {found.unchanged}{failed}"
    console.print(f"重评 {found.rescored} 通：{counts}")
    lines = list(version_lines(found.versions, book))
    if found.others and book is not None:
        left = f"另有 {found.others} 通是按别的规则书评分的，没有动；要都改按 {book.id}，请加 --all-houses"
        lines.append(f"提示：{f'其中 {found.others} 通原先按别的规则书评分，现在都按 {book.id}' if all_houses else left}")
    if found.proposed:
        lines.append(f"{found.proposed} 通{PROPOSED}")
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _moved(moved: Iterable[Moved]) -> object:
    made = table("通话", "原得分", "新得分", "", "评分编号", right=("原得分", "新得分", "评分编号"))
    for m in moved:
        state = Text("待批准", style="yellow") if m.proposed else Text("")
        made.add_row(Text(m.call_id), percent_text(m.before), percent_text(m.after), state, str(m.scorecard_id))
    return made


# ---------------------------------------------------------------- what if


def whatif(
    rules: Annotated[str, typer.Argument(help="拟用的规则书：名字、文件夹或文件", metavar="RULES")],
    since: Since = None,
    until: Until = None,
    measure: Annotated[str | None, typer.Option("--measure", help="另看一个指标的分布，如 rate_cpm", metavar="NAME")] = None,
    limit: Annotated[float | None, typer.Option("--limit", help="该指标的拟定限值", metavar="X")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="同时写成网页", metavar="FILE.html")] = None,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """试用一部规则书：谁的分会变、哪些判定会翻、指标如何分布；不写数据库（try rules before adopting them）。"""
    from qa import report, rulebook, whatif_view
    from qa.store import Store
    from qa.whatif import what_if

    book = rulebook.load_scoring(rules)
    with Store(db, create=False) as store, err().status("试评 …"):
        found = what_if(store, book, since, until, measure, limit)
    for error in found.errors[:LISTED]:
        err().print(error_line(error), soft_wrap=True)
    if html is not None:
        report.write(html, whatif_view.page(found))
    if as_json:
        print_json(whatif_view.as_json(found))
    else:
        for made in whatif_view.printed(found):
            out().print(made, soft_wrap=isinstance(made, Text))
        if html is not None:
            out().print(f"已写出 {html}", markup=False, soft_wrap=True)
    if found.errors:
        raise typer.Exit(EXIT_FAILED)


# ---------------------------------------------------------------- closed months


@months_app.command()
def close(
    month: Annotated[str, typer.Argument(help="月份，如 2025-06", metavar="MONTH")],
    by: By,
    note: Annotated[str, typer.Option("--note", help="备注", metavar="TEXT")] = "",
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """关账：这个月的评分和罚款从此不变，不能再打开（close a month for good）；罚款都经人确认了才能关账。"""
    from qa import ledger_closing
    from qa.appraisal import closing, undated
    from qa.store import Store

    with Store(db, create=False) as store, err().status("算罚款 …"):
        for told in undated.left_out(undated.count(store.db), undated.unassigned(store.db, month)):
            err().print(f"提示：{told}", style="yellow", markup=False, soft_wrap=True)
        keep = ledger_closing.closing_month(store, month, by, note)  # the long part, while others may write
        closing.check_confirmed(store, month)
        with store.db.writing():
            closed = keep()
            changed(store, by, "month.close", "month", month, note=note)
    if as_json:
        print_json(closed)
    else:
        out().print(f"{closed.month} 已关账（{closed.by}）；以后的更正请用 qa adjust", markup=False, soft_wrap=True)


@months_app.command("list")
def list_months(db: Db = DB_DEFAULT, as_json: Json = False) -> None:
    """已关账的月份，各有几通待批准的评分和撤回（closed months and what waits for adjustment）。"""
    from msgspec import to_builtins

    from qa.store import Store

    with Store(db, create=False) as store:
        found = store.ledger.closed_months()
        waiting = {m.month: len(store.withdrawals.waiting(m.month)) for m in found}
    if as_json:
        print_json([to_builtins(m) | {"withdrawals": waiting[m.month]} for m in found])
        return
    made = table("月份", "关账时间", "关账人", "待批准评分", "待批准撤回", "备注", right=("待批准评分", "待批准撤回"))
    for m in found:
        counts = str(m.proposals), str(waiting[m.month])
        made.add_row(m.month, house_minute(m.closed), Text(m.by), *counts, Text(m.note))
    out().print(made if found else "还没有关账的月份")


# ---------------------------------------------------------------- grave


def grave(
    call: Annotated[str, typer.Argument(help="通话编号或录音文件名", metavar="CALL")],
    rule: Annotated[str, typer.Argument(help="规则的编号（id），如 rude", metavar="RULE")],
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="认定或撤回的理由，记入数据库", metavar="TEXT")],
    withdraw: Annotated[bool, typer.Option("--withdraw", help="撤回以前的认定")] = False,
    closed_month: Annotated[bool, typer.Option("--closed-month", help="同意改变已关账月份的罚款")] = False,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """认定一通电话里的违规情节严重，罚款按规则加倍；记下谁、为什么（call a breach grave）。"""
    from qa.store import Store

    with Store(db, create=False) as store:
        call_id = resolve(store, call)
        with store.db.writing():
            made = masked(store.mark_grave(call_id, rule, by, reason, not withdraw, closed_month=closed_month), "")
            changed(store, by, "review.grave", "call", call_id, rule=rule, grave=made.grave)
        title = next((result.title for result in store.scorecard(call_id) if result.check_id == rule), rule)
        closed = store.closed_month_of(call_id)
    if as_json:
        print_json({"mark": made, "closed_month": closed})
        return
    changes = "该通话的罚款从此" + ("按规则加倍" if made.grave else "不再加倍")
    text = f"{made.call_id} 已记下：{mark_text(made, title)}；{changes}" + (f"。{closed} 已关账，该月的罚款随之改变" if closed else "")
    out().print(text, markup=False, soft_wrap=True)
