"""``qa serve --demo``: the sample recordings, scored once, and one person a role with a password that is shown."""

from __future__ import annotations

from pathlib import Path

from qa import models, paths, rulebook
from qa.errors import StoreError
from qa.people import accounts, passwords
from qa.people.accounts import ROLE_TITLES, User, UserRole
from qa.store import Store

BEFORE = "demo-"
"""Logins of the demonstration; a store with any other is a house's own."""
PUBLISHED = 0.75
"""This share of the calls is published, so that there are drafts as well."""


def samples() -> Path:
    """The folder of the sample recordings.  Errors: :class:`StoreError` where the program was installed without them."""
    folder = paths.lexicons_dir().parent / "recordings_sample"
    if not (folder / "calls.csv").is_file():
        raise StoreError(
            str(folder), "没有示例录音：它们不在安装包里，只在源代码里", "请在源代码的文件夹里运行，或对自己的数据库运行 qa serve --db"
        )
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
            _publish(store)
        return [_person(store, role) for role in UserRole]


def _score(store: Store, debug: bool) -> None:
    from qa.batch.found import search
    from qa.cli_scoring import expected_records, score_with_progress

    folder = samples()
    files = list(search([folder]).files)
    demo = models.locate("demo").name
    table = expected_records((str(folder / "calls.csv"), ""), store, files)
    score_with_progress(files, store, rulebook.load_scoring("default"), table, (demo, "auto"), debug)


def _publish(store: Store) -> None:
    from qa.review import publications

    known = [call.call_id for call in store.calls()]
    publications.publish(store, known[: round(PUBLISHED * len(known))], "演示")


def _person(store: Store, role: UserRole) -> tuple[str, str, str]:
    agents = store.agents()
    if not agents:
        raise StoreError(str(store.path), "数据库里没有坐席的通话", "请换一个数据库，或去掉 --db")
    agent = max(agents, key=lambda a: a.calls)
    login, password = f"{BEFORE}{role.value}", passwords.one_time()
    own = {UserRole.AGENT: (agent.agent_id, agent.team), UserRole.LEAD: ("", agent.team)}.get(role, ("", ""))
    name = agent.agent_name if role is UserRole.AGENT else f"演示{ROLE_TITLES[role]}"
    if any(user.login == login for user in accounts.everybody(store.db)):
        accounts.set_password(store.db, login, password, "演示", must_change=False)
    else:
        accounts.add(store.db, User(0, login, name, role, *own), password, "演示")
    return login, password, ROLE_TITLES[role]
