"""A small house for the tests of the web app: two teams, four agents, twelve calls with their recordings, a person of every role.

``house`` is a fresh copy for each test; ``house.client("qa")`` is a browser in which that person is logged in::

    def test_a_page(house):
        answer = house.client("qa").get("/")
        assert answer.status_code == 200
"""

from __future__ import annotations

import hashlib
import shutil
import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stored_houses
from starlette.testclient import TestClient

from qa import rulebook
from qa.appraisal import figures
from qa.check_examples import Scene, parse
from qa.people import accounts, audit, sessions
from qa.people.accounts import User, UserRole
from qa.store import Store
from qa.types import Call
from qa.web.app import create_app
from qa.web.pages import search
from qa.web.settings import Settings

NOW = 1_750_000_000.0
"""The moment of all tests, seconds since 1970: 2025-06-15 23:06:40 in China."""
PASSWORD = "seven-blue-tapirs-sing"
AGENTS = {"8001": ("李敏", "一组"), "8002": ("周平", "一组"), "8003": ("陈佳", "二组"), "8004": ("林雨", "二组")}
PEOPLE = {
    "agent": User(0, "agent", "李敏", UserRole.AGENT, "8001", "一组"),
    "agent2": User(0, "agent2", "周平", UserRole.AGENT, "8002", "一组"),
    "agent3": User(0, "agent3", "陈佳", UserRole.AGENT, "8003", "二组"),
    "lead": User(0, "lead", "王班长", UserRole.LEAD, "", "一组"),
    "lead2": User(0, "lead2", "赵班长", UserRole.LEAD, "", "二组"),
    "qa": User(0, "qa", "质检小王", UserRole.QA),
    "qa2": User(0, "qa2", "质检主管", UserRole.QA),
    "trainer": User(0, "trainer", "培训老师", UserRole.TRAINER),
    "hr": User(0, "hr", "人事小张", UserRole.HR),
    "admin": User(0, "admin", "管理员", UserRole.ADMIN),
}
NUMBER = "13812345678"
SCRIPTS = {
    "good": """
        坐席 0.5-4.5 您好，华宁通信，工号八零零一，很高兴为您服务。
        客户 5-7 我想查一下这个月的话费。
        坐席 7.5-12.5 好的，请您稍等，我帮您查询一下，本月话费是三十元。
        客户 13-14 好的，谢谢。
        坐席 14.5-18 不客气，请问还有什么可以帮您？感谢您的来电，再见。
        """,
    "no_greeting": """
        坐席 0.5-2 什么事？
        客户 2.5-6 我的宽带从昨天开始就上不去，我要投诉。
        坐席 6.5-11 请您报一下电话号码，我帮您查一下。
        客户 11.5-16 我的电话是一三八一二三四五六七八。
        坐席 16.5-20 好的，已经为您登记报修，感谢您的来电，再见。
        """,
    "banned": """
        坐席 0.5-4.5 您好，华宁通信，很高兴为您服务。
        客户 5-7 这个费用是怎么回事？
        坐席 7.5-10 这个不归我管，你自己打别的电话问吧。
        客户 10.5-12 你这是什么态度！
        坐席 12.5-15 再见。
        """,
}
KINDS = ("good", "no_greeting", "banned")


def write_wav(path: Path, script: str, duration_ms: int, seed: int) -> None:
    """Stereo, 8 kHz: each channel hums where its side speaks, over faint noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(8 * duration_ms) / 8000
    pcm = rng.normal(0, 12, (len(t), 2))
    for said in parse(script):
        a, b = said.span.start_ms * 8, said.span.end_ms * 8
        pcm[a:b, said.channel] += 6000 * np.abs(np.sin(np.pi * 4.5 * t[a:b])) * np.sin(2 * np.pi * (220 + 110 * said.channel) * t[a:b])
    with wave.open(str(path), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(np.clip(pcm, -32768, 32767).astype("<i2").tobytes())


def call(folder: Path, call_id: str, agent: str, kind: str, start: str, seed: int = 0) -> Call:
    """A scripted call with its recording in ``folder``."""
    of = Scene(SCRIPTS[kind], agent_id=agent, start=start, wait_s=6.0)()
    assert of.record is not None
    path = folder / f"{call_id}.wav"
    write_wav(path, SCRIPTS[kind], of.audio.duration_ms, seed)
    name, team = AGENTS[agent]
    record = replace(of.record, file=path.name, call_id=call_id, agent_name=name, team=team, customer_number=NUMBER)
    audio = replace(of.audio, path=str(path), sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    return replace(of, audio=audio, record=record)


def call_id(agent: str, index: int) -> str:
    """Of the agent's calls the first (0), second or third."""
    return f"HN-{agent}-{index}"


@dataclass
class Browser:
    """A client with the cookies of one person; ``post`` sends the CSRF token and the origin that a browser would send."""

    client: TestClient
    csrf: str = ""

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(path, follow_redirects=False, **more)

    def post(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> Any:
        headers = {"Origin": "http://127.0.0.1"} | more.pop("headers", {})
        return self.client.post(path, data={"csrf": self.csrf, **(data or {})}, headers=headers, follow_redirects=False, **more)


@dataclass
class House:
    """``store`` is the test's own; the app has others on the same database.  ``clock[0]`` is the app's time."""

    folder: Path
    store: Store
    users: dict[str, User]
    clock: list[float] = field(default_factory=lambda: [NOW])
    _open: ExitStack = field(default_factory=ExitStack)
    _apps: dict[Settings, Any] = field(default_factory=dict)

    @property
    def db(self) -> Path:
        return self.folder / "qa.db"

    def app(self, **settings: Any) -> Any:
        wanted = Settings(self.db, workers=2, **settings)
        if wanted not in self._apps:
            self._apps[wanted] = create_app(wanted, lambda: self.clock[0])
            self._open.enter_context(TestClient(self._apps[wanted]))  # for its start and its end
        return self._apps[wanted]

    def anonymous(self, **settings: Any) -> Browser:
        """A browser in which nobody is logged in."""
        return Browser(TestClient(self.app(**settings), base_url="http://127.0.0.1", raise_server_exceptions=True))

    def client(self, who: str, **settings: Any) -> Browser:
        """A browser in which ``who`` (of ``PEOPLE``) is logged in."""
        made = self.anonymous(**settings)
        token = sessions.begin(self.store.db, self.users[who], self.clock[0])
        made.client.cookies.set("qa-session", token)
        session = sessions.standing(self.store.db, token, self.clock[0])
        assert session is not None
        made.csrf = session.csrf
        return made

    def publish(self, *call_ids: str) -> None:
        """As QA publishes scorecards."""
        from qa.review import publications

        publications.publish(self.store, call_ids, PEOPLE["qa"].name)

    def actions(self) -> list[tuple[str, str, str]]:
        """What stands in the audit log, oldest first: by, action, object."""
        return [(e.by, e.action, e.object_id) for e in reversed(audit.entries(self.store.db, limit=1000))]

    def close(self) -> None:
        self._open.close()
        self.store.close()


def make(folder: Path) -> None:
    """The house, written to ``folder``: ``qa.db`` and the recordings."""
    recordings = folder / "recordings"
    recordings.mkdir(parents=True)
    book = rulebook.load("default")
    with Store(folder / "qa.db") as store:
        for number, agent in enumerate(AGENTS):
            for index, kind in enumerate(KINDS):
                start = f"2025-06-{10 + index:02d}T{9 + number:02d}:00:00.000"
                stored_houses.save(store, book, call(recordings, call_id(agent, index), agent, kind, start, seed=10 * number + index))
        kept = accounts.passwords.hashed(PASSWORD)
        for person in PEOPLE.values():
            row = {"login": person.login, "name": person.name, "role": person.role.value, "agent_id": person.agent_id, "team": person.team}
            row |= {"password_hash": kept, "created": "", "updated": "", "must_change": 0, "disabled": 0}
            with store.db.writing():
                store.db.insert("users", row)


@pytest.fixture(scope="session")
def house_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("house") / "made"
    make(folder)
    return folder


@pytest.fixture
def house(house_made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    for shown in (figures, search):  # what a page shows does not depend on how fast the machine is
        monkeypatch.setattr(shown, "SHOWN_BUDGET_S", 60.0)
    folder = tmp_path / "house"
    folder.mkdir()
    shutil.copy(house_made / "qa.db", folder / "qa.db")
    store = Store(folder / "qa.db")
    made = House(folder, store, {login: accounts.by_login(store.db, login) for login in PEOPLE})
    yield made
    made.close()


FOREIGN: dict[str, Callable[[str], dict[str, str]]] = {
    "call": lambda role: {"call_id": call_id("8003", 0)},
    "agent": lambda role: {"agent_id": "8003"},
    "team": lambda role: {"team": "二组"},
    "appeal": lambda role: {"appeal_id": "999999"},  # a lead of another team: tests/test_web_review.py
    "draft": lambda role: {"draft": "999999"},
    "own_appeal": lambda role: {"appeal_id": "999999"},  # others' own appeals: tests/test_web_agent.py
    "searched": lambda role: {"card": "999999"},  # QA and trainers search all calls: nobody's is foreign to them
    "clip": lambda role: {"clip_id": "999999"},
    "playlist": lambda role: {"playlist_id": "999999", "item_id": "1"},
    "user": lambda role: {"user_id": "999999"},  # an administrator manages all accounts: nobody's is foreign
    "brief_clip": lambda role: {"team": "二组", "day": "2025-06-12", "clip_id": "1"},
}
"""For each scope (``qa.web.permissions.Scope.name``) the parameters of an object that is not the role's; the walk test uses it."""
REACHES_ALL: dict[str, frozenset[str]] = {
    "call": frozenset({"qa", "qa2"}),
    "agent": frozenset({"qa", "qa2", "hr"}),
    "team": frozenset({"qa", "qa2", "hr", "trainer"}),
}
"""For each scope the people to whom no object that exists is foreign; with any other scope nobody."""
NOWHERE = {
    "call_id": "nobody-knows-it",
    "agent_id": "9999",
    "team": "没有的组",
    "appeal_id": "999999",
    "draft": "999999",
    "card": "999999",
    "clip_id": "999999",
    "playlist_id": "999999",
    "user_id": "999999",
    "item_id": "999999",
    "kind": "none",
    "day": "1999-01-01",
}
"""Parameters of objects that do not exist."""
