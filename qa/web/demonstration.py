"""``qa serve --demo``: the sample recordings, scored once, and one person a role with a password that is shown.

A database that the demonstration made says so in its audit log; it is opened again with all that was done in it since.  Any other one is
not even opened.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import date
from itertools import islice
from pathlib import Path

from qa import models, paths, rulebook
from qa.errors import StoreError
from qa.people import accounts, audit, passwords
from qa.people.accounts import ROLE_TITLES, User, UserRole
from qa.rows import AgentRow
from qa.store import Store
from qa.types import CheckResult, Outcome

BEFORE = "demo-"
"""Logins of the demonstration."""
BY = "演示"
MADE = "demo.create"
"""First row of the audit log of a database that the demonstration made."""
PUBLISHED = 0.75
"""This share of the calls is published, so that there are drafts as well."""
REVIEWED = 3
"""So many calls were looked through."""
QA_NAME = f"演示{ROLE_TITLES[UserRole.QA]}"
RULES = """# 演示用：华宁通信是虚构的，罚款也是虚构的。
[profile]
id = "demo"
title = "话务礼仪基本要求（演示，罚款为虚构）"
title_en = "Basic telephone etiquette (demonstration, the fine is made up)"
version = "1.0"
extends = "default"

[checks.banned_phrases]
fine = { escalation = [50, 100], per = "call", period = "month" }
"""
"""The rule book of the demonstration: the one that comes with the program, and a fine, so that the table of a month has money in it."""


def samples() -> Path:
    """The folder of the sample recordings.  Errors: :class:`StoreError` where the program was installed without them."""
    folder = paths.lexicons_dir().parent / "recordings_sample"
    if not (folder / "calls.csv").is_file():
        cure = "请在源代码的文件夹里运行 python -m qa serve --demo，或对自己的数据库运行 qa serve --db"
        raise StoreError(str(folder), "没有示例录音：它们不在安装包里，只在源代码里", cure)
    return folder


def prepare(db: Path, debug: bool = False) -> list[tuple[str, str, str]]:
    """Make the database of the demonstration where there is no file yet, else open the one that it made: what was done there since (people,
    reviews, appeals) stays.  Each role's person gets a new password; returns login, password and title of each who may log in.

    Errors: :class:`StoreError` for a database that the demonstration did not make; it is left as it is.
    """
    own = _made_here(db)
    if db.exists() and not own:
        cause = "这个数据库不是演示建立的，里面可能有正式的账号和通话，演示不碰它"
        raise StoreError(str(db), cause, "请用 --db 指定一个新文件或以前演示建立的文件，或去掉 --db")
    with Store(db) as store:
        if not own:
            audit.record(store.db, BY, MADE, "operation", "")
        if not store.calls():
            _score(store, debug)
            _live(store)
        return [found for role in UserRole if (found := _person(store, role)) is not None]


def _made_here(db: Path) -> bool:
    """Whether the demonstration made this file.  It is only read: opening it as a store may change its schema."""
    if not db.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"{db.absolute().as_uri()}?mode=ro", uri=True)) as found:
            return found.execute("select 1 from audit_log where id = 1 and action = ?", (MADE,)).fetchone() is not None
    except sqlite3.Error:  # no database, or one without a log
        return False


def _score(store: Store, debug: bool) -> None:
    from qa.batch.found import search
    from qa.cli_scoring import expected_records, score_with_progress

    folder = samples()
    files = list(search([folder]).files)
    demo = models.locate("demo").name
    table = expected_records((str(folder / "calls.csv"), ""), store, files)
    with tempfile.TemporaryDirectory(prefix="qa-demo-rules-") as rules:
        (Path(rules) / "rules.toml").write_text(RULES, "utf-8")
        score_with_progress(files, store, rulebook.load_scoring(rules), table, (demo, "auto"), debug)


def _live(store: Store) -> None:
    """What some days of work leave behind, so that no page opens empty: reviews, published calls, an appeal, a plan, clips."""
    from qa.appraisal import figures
    from qa.clips import index
    from qa.review import publications, queue, reviews, sampling

    known = [call for call in store.calls() if call.agent_id]
    _verdicts(store, [call.call_id for call in known])
    for call in known[:REVIEWED]:
        reviews.finish(store, call.call_id, QA_NAME, "演示：从头到尾听过")
    publications.publish(store, [call.call_id for call in known[: round(PUBLISHED * len(known))]], QA_NAME)
    _appeal(store)
    if days := sorted({call.started[:10] for call in known if call.started}):
        sampling.draw(store, date.fromisoformat(days[-1]), 1, QA_NAME)
    while index.refresh(store, index.BATCH) == index.BATCH:
        pass
    _clips(store)
    queue.refresh(store)
    figures.ensure(store, budget_s=None)


def _results(store: Store, call_ids: Iterable[str]) -> Iterator[tuple[str, CheckResult]]:
    """Results that rest on something heard, of the calls in their order."""
    for call_id in call_ids:
        for result in store.scorecard(call_id).results:
            if any(finding.evidence for finding in result.findings):
                yield call_id, result


def _verdicts(store: Store, call_ids: list[str]) -> None:
    """A person agrees with one breach, of those with a fine the first, and does not with another one; other fines wait for somebody."""
    from qa.review import verdicts
    from qa.review.verdicts import Terms

    breaches = [(call_id, result.check_id) for call_id, result in _results(store, call_ids) if result.outcome is Outcome.FAIL]
    fined = _fined(store)
    for call_id, check_id in sorted(breaches, key=lambda breach: breach[1] not in fined)[:1]:
        verdicts.confirm(store, call_id, check_id, Terms(QA_NAME))
    for call_id, check_id in [breach for breach in breaches if breach[1] not in fined][1:2]:
        verdicts.overturn(store, call_id, check_id, Outcome.NOT_APPLICABLE, Terms(QA_NAME, "演示：听录音，这一条不适用"))


def _fined(store: Store) -> set[str]:
    """The rules whose breach costs money."""
    hashes = [row["hash"] for row in store.db.rows("select hash from rule_books")]
    return {rule.id for found in hashes for rule in store.ledger.load(found).rules if rule.fine is not None}


def _appeal(store: Store) -> None:
    """The agent of the demonstration appeals against the first result that may be appealed against."""
    from qa.review import appeals, publications

    agent = _agent(store)
    for one in publications.calls(store.db, agent.agent_id):
        card = publications.at(store, one.call_id, one.scorecard_id)[1]
        reasons = appeals.terms_of(store, card).reasons
        for result in card.results:
            if reasons and result.outcome is Outcome.FAIL and appeals.window(store, one.call_id, result.check_id).open:
                said = "演示：请再听一遍录音"
                appeals.file(store, one.call_id, result.check_id, agent.agent_id, reasons[0], said, agent.agent_name or agent.agent_id)
                return


def _clips(store: Store) -> None:
    """A released clip and one that waits, in a playlist."""
    from qa.clips import cutting, playlists, release
    from qa.clips.cutting import Wish

    trainer = f"演示{ROLE_TITLES[UserRole.TRAINER]}"
    found = ((call_id, result) for call_id, result in _results(store, [call.call_id for call in store.calls()]) if _cuttable(result))
    made = []
    for call_id, result in islice(found, 2):
        span = next(finding for finding in result.findings if finding.evidence).evidence[0].span
        example = "good" if result.outcome is Outcome.PASS else "bad"
        made.append(cutting.cut(store, call_id, Wish(span, title=result.title, example=example, check_id=result.check_id), trainer))
    if made:
        release.decide(store, made[0].id, made[0].version.id, release.RELEASED, QA_NAME, heard=True)
        listed = playlists.create(store, "演示：新人培训", trainer)
        for clip in made:
            playlists.add(store, listed, clip.id)


def _cuttable(result: CheckResult) -> bool:
    return result.outcome in (Outcome.PASS, Outcome.FAIL)


def _agent(store: Store) -> AgentRow:
    agents = store.agents()
    if not agents:
        raise StoreError(str(store.path), "数据库里没有坐席的通话", "请换一个数据库，或去掉 --db")
    return max(agents, key=lambda a: a.calls)


def _person(store: Store, role: UserRole) -> tuple[str, str, str] | None:
    """The role's person with a new password, whatever became of the account; None where it was disabled."""
    login, password = f"{BEFORE}{role.value}", passwords.one_time()
    known = next((user for user in accounts.everybody(store.db) if user.login == login), None)
    if known is not None:
        if known.disabled:
            return None
        accounts.set_password(store.db, login, password, BY, must_change=False)
        return login, password, ROLE_TITLES[known.role]
    agent = _agent(store)
    own = {UserRole.AGENT: (agent.agent_id, agent.team), UserRole.LEAD: ("", agent.team)}.get(role, ("", ""))
    name = agent.agent_name if role is UserRole.AGENT else f"演示{ROLE_TITLES[role]}"
    accounts.add(store.db, User(0, login, name, role, *own), password, BY)
    return login, password, ROLE_TITLES[role]
