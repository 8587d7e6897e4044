"""Commands of reviewing: see what persons decided of a call, give a verdict, bring the queue up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from qa.cli_common import DB_DEFAULT, Db, Json, QaGroup, err, out, print_json, table
from qa.clock import house_minute
from qa.errors import StoreError

if TYPE_CHECKING:
    from qa.review.verdicts import Given
    from qa.store import Store
    from qa.types import Evidence

review_app = typer.Typer(
    cls=QaGroup, no_args_is_help=True, help="人工复核：看判定、判定、排复核队列；复核本身在网页里（review by persons）"
)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(review_app, name="review")


@review_app.command("show")
def show(
    call: Annotated[str, typer.Argument(help="通话编号或录音文件名", metavar="CALL")],
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """看一通电话的人工判定、更正、复核、公布和申诉（what persons decided of a call）。"""
    from qa.cli_logged import seen
    from qa.cli_show import masked, resolve
    from qa.review import appeals, publications, reviews, rulings, text_marks
    from qa.store import Store

    with Store(db, create=False) as store:
        call_id = resolve(store, call)
        number = next((c.customer_number for c in store.calls(call_id=call_id)), "") or ""
        found: dict[str, Any] = {
            "verdicts": [masked(one, number) for one in rulings.of_call(store.db, call_id)],
            "text_marks": text_marks.marks(store.db, call_id),
            "reviews": reviews.of_call(store.db, call_id),
            "publications": publications.of_call(store.db, call_id),
            "appeals": [(one, one.state()) for one in appeals.against(store.db, call_id)],
        }
        seen(store, "call.view", "call", call_id, command="review show")
        _print(store, call_id, number, found, as_json)


def _print(store: Store, call_id: str, number: str, found: dict[str, Any], as_json: bool) -> None:
    from qa.export import mask_name, mask_text
    from qa.outcome_words import OUTCOMES
    from qa.review.verdicts import ACTIONS

    titles = {result.check_id: result.title for result in store.scorecard(call_id)}
    rows = [
        (
            v.created,
            titles.get(v.rule_id, v.rule_id),
            f"{ACTIONS[v.action]}{f'：{OUTCOMES[v.outcome]}' if v.outcome else ''}",
            v.by,
            v.reason,
        )
        for v in found["verdicts"]
    ]
    rows += [
        (m.created, "文字", f"{mask_text(m.before_text, number, said=True)} → {mask_text(m.text, number, said=True)}", m.by, m.reason)
        for m in found["text_marks"]
    ]
    rows += [(r.created, "复核", "完成", r.by, r.comment) for r in found["reviews"]]
    rows += [
        (p.created, "公布", "撤回" if p.scorecard_id is None else f"评分 {p.scorecard_id}", p.by, p.note) for p in found["publications"]
    ]
    rows += [(a.created, "申诉", str(state), a.by, f"{a.reason}：{a.text}") for a, state in found["appeals"]]
    lines = [(*row[:4], mask_text(row[4], number)) for row in sorted(rows)]
    if as_json:
        names = ("created", "item", "what", "by", "reason")
        print_json({"call_id": mask_name(call_id, number), "decisions": [dict(zip(names, line, strict=True)) for line in lines]})
        return
    made = table("时间", "项目", "决定", "由", "理由")
    for line in lines:
        made.add_row(house_minute(line[0]), *line[1:])
    out().print(made if lines else "还没有人工的决定")


@review_app.command("verdict")
def verdict(
    call: Annotated[str, typer.Argument(help="通话编号或录音文件名", metavar="CALL")],
    rule: Annotated[str, typer.Argument(help="规则的编号（id），如 greeting", metavar="RULE")],
    action: Annotated[
        str,
        typer.Argument(
            help="confirm 确认，withdraw 撤回，add 补充发现，或改判为 pass、fail、not_applicable、inconclusive", metavar="VERDICT"
        ),
    ],
    by: Annotated[str, typer.Option("--by", help="由谁判定（姓名），记入数据库", metavar="NAME")],
    reason: Annotated[str, typer.Option("--reason", help="理由，记入数据库；改判和补充必填", metavar="TEXT")] = "",
    at: Annotated[str, typer.Option("--at", help="录音里的依据，起止秒数，如 12.5-15", metavar="S-S")] = "",
    closed_month: Annotated[bool, typer.Option("--closed-month", help="通话所在月份已关账，同意产生待批准的评分")] = False,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """判定一通电话的一条规则，随即重新计分；程序以后重评也不变（a person's verdict on a rule）。"""
    from qa.cli_logged import changed
    from qa.cli_show import resolve
    from qa.review import verdicts
    from qa.review.verdicts import OUTCOMES, Terms
    from qa.store import Store
    from qa.types import Outcome

    known = ["confirm", "withdraw", "add", *(outcome.value for outcome in OUTCOMES)]
    if action not in known:
        raise StoreError(action, "不是判定", f"可用：{'、'.join(known)}")
    evidence = _evidence(at)
    with Store(db, create=False) as store, store.db.writing():
        call_id, terms = resolve(store, call), Terms(by, reason, closed_month=closed_month)
        if action == "add":
            if evidence is None:
                raise StoreError(call_id, "没有写在第几秒", "请加 --at 12.5-15")
            given = verdicts.add(store, call_id, rule, evidence, terms)
        elif action in ("confirm", "withdraw"):
            given = (verdicts.confirm if action == "confirm" else verdicts.withdraw)(store, call_id, rule, terms)
        else:
            given = verdicts.overturn(store, call_id, rule, Outcome(action), terms, (evidence,) if evidence else ())
        one = given.verdict
        told = {"rule": rule, "verdict": one.id, "outcome": one.outcome or "", "scorecard": given.saved.id}
        changed(store, by, f"review.{one.action}", "call", call_id, **told)
    _told(given, as_json)


def _evidence(text: str) -> Evidence | None:
    from qa.types import Evidence, Role, Span

    if not text:
        return None
    start, _, end = text.partition("-")
    try:
        return Evidence(Span(round(1000 * float(start)), round(1000 * float(end))), Role.AGENT)
    except (ValueError, OverflowError) as error:
        raise StoreError(text, "不是起止秒数", "请写成 12.5-15") from error


def _told(given: Given, as_json: bool) -> None:
    from qa.export import mask_name
    from qa.report_text import percent_text
    from qa.review.verdicts import ACTIONS

    one = given.verdict
    if as_json:
        row = {"call_id": mask_name(one.call_id), "rule": one.rule_id, "action": one.action, "outcome": one.outcome, "by": one.by}
        print_json(
            row | {"percent_before": given.before, "percent_after": given.after, "proposed": given.saved.proposed, "others": given.others}
        )
        return
    waits = f"。{given.month} 已关账，新的评分等待 qa adjust 批准" if given.saved.proposed else ""
    score = f"得分 {percent_text(given.before)} → {percent_text(given.after)}"
    out().print(
        f"{mask_name(one.call_id)} 的 {one.rule_id} 已记下：{ACTIONS[one.action]}（{one.by}）；{score}{waits}", markup=False, soft_wrap=True
    )
    if given.others:
        out().print(f"先警告的次数已按通话时间重算：另有 {len(given.others)} 通的得分因此改变", markup=False, soft_wrap=True)


@review_app.command("refresh")
def refresh(db: Db = DB_DEFAULT, as_json: Json = False) -> None:
    """把新的评分排进复核队列；数据库很大时先运行一次（bring the review queue up to date）。"""
    from qa.review import queue
    from qa.store import Store

    with Store(db, create=False) as store, err().status("排队列 …"):
        done = queue.refresh(store)
        waiting = queue.count(store.db, queue.Filter())
    if as_json:
        print_json({"looked_at": done, "open": waiting})
        return
    out().print(f"看了 {done} 通，待复核 {waiting} 通", markup=False)
