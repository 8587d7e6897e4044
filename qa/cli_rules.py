"""Commands about rule books: list, print, validate, run their examples, write their page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.cells import cell_len
from rich.text import Text

from qa.cli_common import DB_DEFAULT, EXIT_FAILED, Db, Json, QaGroup, out, print_json, table
from qa.errors import RuleBookError, RuleBookErrors
from qa.outcome_words import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qa.log_scoring import LogRan
    from qa.rules.book import LogRule, Rule, RuleBook
    from qa.rules.run_examples import Ran

_WIDEST = {"规则": 20, "名称": 22, "分值": 14, "何时": 16}
"""Columns of `qa rules show` that fold: the clause needs the room."""


class RulesGroup(QaGroup):
    """``qa rules HOUSE`` is ``qa rules show HOUSE``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """A first word that is no command is a rule book, if nothing but options comes after it."""
        own = (*self.commands, *ctx.help_option_names)
        if args and args[0] not in own and all(arg.startswith("-") for arg in args[1:2]):
            args = ["show", *args]
        return list(super().parse_args(ctx, args))


rules_app = typer.Typer(
    cls=RulesGroup,
    no_args_is_help=True,
    help="规则书：qa rules 规则书 列出规则；检查、跑例子、写说明页（rule books）",
)

Profile = Annotated[str, typer.Argument(help="规则书的名字、文件夹或文件", metavar="PROFILE")]


# ---------------------------------------------------------------- list


@rules_app.command("list")
def list_(db: Db = DB_DEFAULT, as_json: Json = False) -> None:
    """随程序附带的规则书（all bundled rule books）；有错的排在原位，退出码为 1。"""
    from qa import rulebook

    found = [_listed(name) for name in rulebook.profiles()]
    if as_json:
        print_json(found)
    else:
        figures = ("规则", "例子", "条文", "无从核查", "待建")
        made = table("规则书", "名称", "版本", *figures, right=figures)
        for row in found:
            counts = (str(row[name]) for name in ("rules", "examples", "clauses", "not_auditable", "awaiting"))
            cells = (row["title"], row["version"], *counts) if row["error"] is None else (f"✗ {row['error']}",)
            made.add_row(*(Text(str(cell)) for cell in (row["id"], *cells)))
        out().print(made)
    if any(row["error"] is not None for row in found):
        raise typer.Exit(EXIT_FAILED)


def _listed(name: str) -> dict[str, Any]:
    from qa import rulebook

    try:
        book = rulebook.load(name)
    except RuleBookError as error:
        count = len(error.problems) if isinstance(error, RuleBookErrors) else 1
        return {"id": name, "error": f"有 {count} 处错误，见 qa rules check {name}"}
    return {
        "id": book.id,
        "title": book.title,
        "version": book.version,
        "rules": len(book.rules) + len(book.log_rules),
        "examples": sum(len(rule.examples) for rule in book.rules) + sum(len(rule.examples) for rule in book.log_rules),
        "clauses": len(book.clauses),
        "not_auditable": len(book.not_auditable),
        "awaiting": len(book.awaiting),
        "error": None,
    }


# ---------------------------------------------------------------- show


@rules_app.command("show")
def show(profile: Profile, db: Db = DB_DEFAULT, as_json: Json = False) -> None:
    """看规则书：规则、分值、何时用、条款、几个例子（print a rule book）；可简写为 qa rules PROFILE。"""
    from qa import rulebook

    book = rulebook.load(profile)
    if as_json:
        print_json(_book(book))
    else:
        _show(book)


def _show(book: RuleBook) -> None:
    from qa.rules.house_page import by_section, counting

    console = out()
    console.print(Text(f"{book.title}（{book.id} {book.stamp}）", style="bold"))
    for line in counting(book):
        console.print(Text(f"· {line}", style="dim"), soft_wrap=True)
    rows = {rule.id: _cells(rule, book) for rule in book.rules}
    widths = [max(cell_len(cell) for cell in column) for column in zip(*rows.values(), strict=True)]
    for title, rules in by_section(book):
        console.print(Text(f"\n{title}", style="bold cyan"))
        made = table("规则", "名称", "程度", "分值", "何时", "例", "条款", right=("例",))
        for column, width in zip(made.columns, widths[:-1], strict=False):
            name = str(column.header)
            column.width = min(max(width, cell_len(name)), _WIDEST.get(name, width + 4))
        for rule in rules:
            made.add_row(*map(Text, rows[rule.id]))
        console.print(made)
    if book.log_rules:
        console.print(Text("\n话单规则（qa traffic）", style="bold cyan"))
        made = table("规则", "名称", "程度", "查什么", "例", "条款", right=("例",))
        for log_rule in book.log_rules:
            made.add_row(*map(Text, _log_cells(log_rule)))
        console.print(made)
    for title, entries in (("录音和话单里无从核查的条款", book.not_auditable), ("尚待检查手段的条款", book.awaiting)):
        if entries:
            console.print(Text(f"\n{title}", style="bold cyan"))
        for entry in entries:
            console.print(Text("· " + "；".join(entry.clause.strip().split("\n"))).append(f"（{entry.why}）", style="dim"), soft_wrap=True)


def _cells(rule: Rule, book: RuleBook) -> tuple[str, ...]:
    from qa.rules.in_words import fine_text, points_text, when_text

    worth = "，".join(text for text in (points_text(rule.points), fine_text(rule.fine)) if text)
    when = when_text(rule.when, book) + (f"（另 {len(rule.variants)} 种）" if rule.variants else "")
    examples = str(len(rule.examples) or "—")
    return (rule.id, rule.title, SEVERITIES[rule.severity.value], worth or "不计分", when or "所有", examples, rule.clause.strip())


def _log_cells(rule: LogRule) -> tuple[str, ...]:
    looked, examples = rule.module.in_words(rule.params), str(len(rule.examples) or "—")
    return (rule.id, rule.title, SEVERITIES[rule.severity.value], looked, examples, rule.clause)


def _book(book: RuleBook) -> dict[str, object]:
    return {
        "id": book.id,
        "title": book.title,
        "version": book.stamp,
        "effective_from": book.effective_from,
        "effective_until": book.effective_until,
        "mode": book.scoring.mode,
        "min_coverage": float(book.scoring.min_coverage),
        "deduction_base": float(book.scoring.base) if book.scoring.mode == "deduction" else None,
        "sections": [{"id": s.id, "title": s.title, "weight": _number(s.weight)} for s in book.scoring.sections],
        "slots": {name: list(texts) for name, texts in book.slots},
        "checks": [_rule(rule, book) for rule in book.rules],
        "log_checks": [_log_rule(rule) for rule in book.log_rules],
        "not_auditable": [{"clause": n.clause, "reason": n.why} for n in book.not_auditable],
        "awaiting": [{"clause": n.clause, "needs": n.why} for n in book.awaiting],
    }


def _rule(rule: Rule, book: RuleBook) -> dict[str, object]:
    from qa.rules.in_words import fine_text, when_text
    from qa.rules.kinds_in_words import looked_for

    points = rule.points
    worth = [points.weight, points.deduction, points.bonus] if points else []
    return {
        "id": rule.id,
        "title": rule.title,
        "kind": rule.kind,
        "severity": rule.severity.value,
        "section": rule.section,
        "weight": _number(next((value for value in worth if value is not None), None)),
        "points": points,
        "fine": fine_text(rule.fine) or None,
        "when": when_text(rule.when, book) or None,
        "looks_for": looked_for(rule, book),
        "clause": rule.clause,
        "not_covers": rule.not_covers,
        "examples": len(rule.examples),
        "inherited": rule.inherited,
        "subject": rule.subject,
    }


def _log_rule(rule: LogRule) -> dict[str, object]:
    return {
        "id": rule.id,
        "title": rule.title,
        "kind": rule.kind,
        "severity": rule.severity.value,
        "effective_from": rule.effective_from,
        "effective_until": rule.effective_until,
        "looks_for": rule.module.in_words(rule.params),
        "clause": rule.clause,
        "not_covers": rule.not_covers,
        "examples": len(rule.examples),
        "inherited": rule.inherited,
        "subject": rule.subject,
    }


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))


# ---------------------------------------------------------------- check


@rules_app.command()
def check(profile: Profile, db: Db = DB_DEFAULT, as_json: Json = False) -> None:
    """检查规则书有没有错，逐行报告（validate）；有错时退出码为 2。"""
    from qa import rulebook

    book = rulebook.load(profile)
    warnings = (*_copied(profile, book), *book.warnings)
    if as_json:
        ids, log_ids = [rule.id for rule in book.rules], [rule.id for rule in book.log_rules]
        print_json({"id": book.id, "version": book.stamp, "checks": ids, "log_checks": log_ids, "ok": True, "warnings": list(warnings)})
        return
    console = out()
    for warning in warnings:
        console.print(f"⚠ {warning}", markup=False, soft_wrap=True)
    odd = f"，{len(warnings)} 处提醒" if warnings else ""
    log_rules = f"，{len(book.log_rules)} 项话单检查" if book.log_rules else ""
    console.print(
        f"✓ {book.id} {book.stamp}：{book.title}，{len(book.rules)} 项检查{log_rules}，没有错误{odd}", markup=False, soft_wrap=True
    )


def _copied(profile: str, book: RuleBook) -> tuple[str, ...]:
    """That somebody's own folder goes by the id of one of the program's: the database takes both for versions of one rule book."""
    from qa import rulebook
    from qa.paths import lexicons_dir

    own = Path(profile).exists() and profile not in rulebook.profiles()
    if book.id not in rulebook.profiles() or not own or Path(profile).resolve().is_relative_to(lexicons_dir().resolve() / book.id):
        return ()
    told = f"id {book.id} 是随程序附带的规则书的名字，数据库会把两者当作同一本规则书的不同版本，按日期和登记先后选用"
    return (f"{profile}: {told}。请在 [profile] 里改成自己的 id",)


# ---------------------------------------------------------------- test


@rules_app.command("test")
def test(profile: Profile, db: Db = DB_DEFAULT, as_json: Json = False) -> None:
    """跑规则旁的例子，逐个对照结果和依据的秒数（run the examples）；有不符的，退出码为 1。"""
    from qa import rulebook
    from qa.log_scoring import run_examples
    from qa.rules.run_examples import run

    book = rulebook.load(profile)
    ran: list[Ran | LogRan] = [*run(book), *run_examples(book)]
    failing = [one for one in ran if one.failing]
    without = [rule.id for rule in book.rules if not rule.examples] + [rule.id for rule in book.log_rules if not rule.examples]
    if as_json:
        print_json({"id": book.id, "examples": len(ran), "failed": [_failed(one) for one in failing], "without_examples": without})
    else:
        _show_ran(book, len(ran), failing, without)
    if failing:
        raise typer.Exit(EXIT_FAILED)


def _failed(one: Ran | LogRan) -> dict[str, object]:
    from qa.rules.run_examples import Ran

    example = one.example
    told: dict[str, object] = {"subject": example.subject, "rule": one.rule_id, "name": _named(one)}
    if isinstance(one, Ran):
        due: dict[str, object] = {"outcome": one.example.outcome.value, "span_ms": one.example.span_ms}
        came: dict[str, object] = {"outcome": one.outcome.value, "span_ms": one.span_ms, "message": one.message}
    else:
        due = {"outcome": one.example.log.outcome.value, "rows": one.example.log.rows}
        came = {"outcome": one.outcome.value, "rows": one.rows, "message": one.message}
    return told | {"due": due, "came": came}


def _named(one: Ran | LogRan) -> str:
    from qa.rules.run_examples import Ran

    return one.example.name if isinstance(one, Ran) else one.example.log.name


def _show_ran(book: RuleBook, count: int, failing: Sequence[Ran | LogRan], without: list[str]) -> None:
    console = out()
    for one in failing:
        head = Text("✗ ", style="bold red").append(f"{one.example.subject}：{one.rule_id}“{_named(one)}”：{one.failing}", style="red")
        console.print(head, soft_wrap=True)
        console.print(Text(f"  {one.message}", style="dim"), soft_wrap=True)
    if without:
        console.print(Text(f"没有例子的规则：{'、'.join(without)}", style="yellow"))
    mark = "✗" if failing else "✓"
    told = f"{len(failing)} 个不符" if failing else "全部相符" if count else "没有可跑的"
    console.print(f"{mark} {book.id} {book.stamp}：{count} 个例子，{told}", markup=False, soft_wrap=True)


# ---------------------------------------------------------------- docs


@rules_app.command()
def docs(
    profile: Profile,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="要写的文件；默认 docs/houses/<规则书>.md", metavar="FILE.md")
    ] = None,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """写规则书的说明页，给质检主管看：查什么、怎样算、不查什么（Markdown page of a house）。"""
    from qa import rulebook
    from qa.rules.house_page import page

    book = rulebook.load(profile)
    path = output if output is not None else Path("docs/houses") / f"{book.id}.md"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page(book), encoding="utf-8")
    except OSError as error:
        raise RuleBookError(str(path), f"写不了这个文件（{error.strerror}）", "请检查路径和权限") from error
    if as_json:
        print_json({"id": book.id, "file": str(path), "bytes": path.stat().st_size})
    else:
        out().print(f"已写出 {path}（{path.stat().st_size / 1024:.0f} KiB）", markup=False, soft_wrap=True)
