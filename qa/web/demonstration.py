"""``qa serve --demo``: the sample recordings, scored once, and one person a role with a password that is shown."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice
from pathlib import Path

from qa import models, paths, rulebook
from qa.errors import StoreError
from qa.people import accounts, passwords
from qa.people.accounts import ROLE_TITLES, User, UserRole
from qa.rows import AgentRow
from qa.store import Store
from qa.types import CheckResult, Outcome

BEFORE = "demo-"
"""Logins of the demonstration; a store with any other is a house's own."""
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
    """Score the samples if the store is empty, give each role a person; returns login, password and title of each.

    Errors: :class:`StoreError` where the store has accounts of a house.
    """
    with Store(db) as store:
        if any(not user.login.startswith(BEFORE) for user in accounts.everybody(store.db)):
            raise StoreError(str(db), "这个数据库里有正式的账号，不能用来演示", "请用 --db 指定另一个文件，或去掉 --db")
        if not store.calls():
            _score(store, debug)
            _live(store)
        return [_person(store, role) for role in UserRole]


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


def _person(store: Store, role: UserRole) -> tuple[str, str, str]:
    agent = _agent(store)
    login, password = f"{BEFORE}{role.value}", passwords.one_time()
    own = {UserRole.AGENT: (agent.agent_id, agent.team), UserRole.LEAD: ("", agent.team)}.get(role, ("", ""))
    name = agent.agent_name if role is UserRole.AGENT else f"演示{ROLE_TITLES[role]}"
    if any(user.login == login for user in accounts.everybody(store.db)):
        accounts.set_password(store.db, login, password, "演示", must_change=False)
    else:
        accounts.add(store.db, User(0, login, name, role, *own), password, "演示")
    return login, password, ROLE_TITLES[role]
