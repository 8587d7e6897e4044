"""Commands about rules in time and what persons decide: judge stored calls again, try rules, close months, adjust, call grave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from qa.cli_common import DB_DEFAULT, EXIT_FAILED, Db, Json, QaGroup, Since, Until, err, error_line, out, print_json, table
from qa.cli_show import mark_text, masked, resolve
from qa.report_text import percent_text

if TYPE_CHECKING:
    from qa.pipeline import FileResult
    from qa.rescore import Moved, Rescored
    from qa.rules.book import RuleBook

LISTED = 40
PROPOSED = "属于已关账的月份，新的评分待批准：qa adjust 通话 --by 姓名 --reason 理由"
By = Annotated[str, typer.Option("--by", help="谁做的（姓名），记入数据库", metavar="NAME")]

months_app = typer.Typer(cls=QaGroup, no_args_is_help=True, help="关账的月份：关账后评分不再变动，更正要经 qa adjust（closed months）")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(rescore)
    app.command()(whatif)
    app.command()(adjust)
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
    return (*lines, f"{proposed} 通{PROPOSED}") if proposed else lines


# ---------------------------------------------------------------- rescore


def rescore(
    profile: Annotated[str, typer.Option("--profile", help="规则书的名字或文件夹（rule book）")] = "default",
    since: Since = None,
    until: Until = None,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """按规则书重评已存的通话：不再转写；已关账的月份只提出建议（judge stored calls again）。"""
    from qa import rescore as rescoring
    from qa import rulebook
    from qa.store import Store

    book = rulebook.load(profile)
    with Store(db, create=False) as store, err().status("重评 …") as status:
        found = rescoring.rescore(store, book, since, until, lambda done: status.update(f"重评 … {done} 通"))
    for error in found.errors[:LISTED]:
        err().print(error_line(error), soft_wrap=True)
    if as_json:
        print_json(_rescored(found, book))
    else:
        _show_rescored(found, book)
    if found.failed:
        raise typer.Exit(EXIT_FAILED)


def _rescored(found: Rescored, book: RuleBook) -> dict[str, Any]:
    counts = {name: getattr(found, name) for name in ("rescored", "changed", "proposed", "unchanged", "failed", "others")}
    errors = [{"subject": e.subject, "cause": e.cause, "cure": e.cure} for e in found.errors]
    return {
        "rule_book": book.id,
        "version": book.stamp,
        **counts,
        "versions": dict(found.versions),
        "moved": found.moved,
        "errors": errors,
    }


def _show_rescored(found: Rescored, book: RuleBook) -> None:
    console = out()
    if found.moved:
        console.print(_moved(found.moved[:LISTED]))
        if len(found.moved) > LISTED:
            console.print(f"… 另有 {found.changed + found.proposed - LISTED} 通")
    failed = f"，读不出 {found.failed}" if found.failed else ""
    counts = f"结果有变 {found.changed}，待批准 {found.proposed}，不变 {found.unchanged}{failed}"
    console.print(f"重评 {found.rescored} 通：{counts}")
    lines = list(version_lines(found.versions, book))
    if found.others:
        lines.append(f"提示：其中 {found.others} 通原先按别的规则书评分，现在都按 {book.id}")
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

    book = rulebook.load(rules)
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
    """关账：这个月的评分从此不变，不能再打开（close a month for good）。"""
    from qa.store import Store

    with Store(db, create=False) as store:
        closed = store.ledger.close_month(month, by, note)
    if as_json:
        print_json(closed)
    else:
        out().print(f"{closed.month} 已关账（{closed.by}）；以后的更正请用 qa adjust", markup=False, soft_wrap=True)


@months_app.command("list")
def list_months(db: Db = DB_DEFAULT, as_json: Json = False) -> None:
    """已关账的月份，各有几通待批准的评分（closed months and what waits for adjustment）。"""
    from qa.store import Store

    with Store(db, create=False) as store:
        found = store.ledger.closed_months()
    if as_json:
        print_json(found)
        return
    made = table("月份", "关账时间（UTC）", "关账人", "待批准", "备注", right=("待批准",))
    for m in found:
        made.add_row(m.month, m.closed[:16].replace("T", " "), Text(m.by), str(m.proposals), Text(m.note))
    out().print(made if found else "还没有关账的月份")


def adjust(
    call: Annotated[str, typer.Argument(help="通话编号", metavar="CALL")],
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="调整的理由，记入数据库", metavar="TEXT")],
    scorecard: Annotated[int | None, typer.Option("--scorecard", help="评分编号；默认最新的待批准评分", metavar="ID")] = None,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """批准一通电话的新评分，用于已关账的月份；记下谁、为什么（make a proposed scorecard stand）。"""
    from qa.store import Store

    with Store(db, create=False) as store:
        made = store.adjust(call, by, reason, scorecard)
        percents = {kept.id: kept.scorecard.percent for kept in store.history(call)}
    before = percents[made.before] if made.before is not None else None
    if as_json:
        print_json({"adjustment": made, "percent_before": before, "percent_after": percents[made.after]})
        return
    old = "此前没有有效的评分" if made.before is None else f"原评分 {made.before}：{percent_text(before)}"
    text = f"{call} 的评分 {made.after} 已生效：{percent_text(percents[made.after])}（{old}；{made.by}，{made.reason}）"
    out().print(text, markup=False, soft_wrap=True)


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
        made = masked(store.mark_grave(call_id, rule, by, reason, not withdraw, closed_month=closed_month), "")
        title = next((result.title for result in store.scorecard(call_id) if result.check_id == rule), rule)
        closed = store.closed_month_of(call_id)
    if as_json:
        print_json({"mark": made, "closed_month": closed})
        return
    changes = "该通话的罚款从此" + ("按规则加倍" if made.grave else "不再加倍")
    text = f"{made.call_id} 已记下：{mark_text(made, title)}；{changes}" + (f"。{closed} 已关账，该月的罚款随之改变" if closed else "")
    out().print(text, markup=False, soft_wrap=True)
