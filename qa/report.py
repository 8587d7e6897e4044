"""Self-contained HTML reports: one call, and one agent over a period.

Everything is inside the page (style, script, sound as Opus in ``data:`` URIs) and a Content-Security-Policy forbids it to fetch
anything; it opens by double click and works offline.  All values are HTML-escaped by Jinja2's autoescaping.  Telephone
numbers are masked, and neither page ever shows another call's or another agent's data.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from qa import __version__, decode
from qa.clock import HOUSE_ZONE
from qa.errors import QaError, StoreError
from qa.export import mask_name
from qa.report_agent import agent_view, call_row, interval_text
from qa.report_media import uri_pieces
from qa.report_privacy import without_numbers
from qa.report_text import OWN_WORDS, clock, length, percent_text
from qa.report_view import view
from qa.rules.book import RuleBook
from qa.scorecards import AgentScorecard
from qa.store import ScoredCall
from qa.types import Audio, Call, Scorecard
from qa.web.language import translated

DIRECTIONS = {"in": "呼入", "out": "呼出"}
HANGUP = {"agent": "坐席", "customer": "客户"}
LABELS = (
    *("坐席", "班组", "方向", "客户号码", "开始振铃", "挂机方", "录音时长"),
    *("录音文件", "格式", "解码时发现", "评分规则", "程序版本", "演示模型", "不评分", "单声道", "双声道"),
    *("呼入", "呼出", "是：不得用于考核真实人员", "否"),
)
"""Names of facts and sources of a call, and words beside them, as the templates get them."""
_UNSAFE = re.compile(r"[^\w.@-]+")


@cache
def environment() -> Environment:
    """Of all templates; a page of the web app has more in it (``qa/web/rendering.py``)."""
    made = Environment(
        loader=PackageLoader("qa", "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    made.filters["clock"] = clock
    made.globals.update(_=translated, own_words=OWN_WORDS)
    return made


def _asset(name: str) -> str:
    loader = environment().loader
    assert loader is not None
    return loader.get_source(environment(), name)[0]


def render(template: str, now: datetime | None, **values: object) -> str:
    """A page of ``qa/templates``, whole: style and script inside, values escaped.

    ``now``: when it was made, shown by the house's clock (as it is, if it has no zone); None: this moment.
    """
    now = now or datetime.now(HOUSE_ZONE)
    script = _asset("player.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        environment()
        .get_template(template)
        .render(
            style=Markup(_asset("style.css")),
            script=Markup(script),
            script_hash=f"sha256-{digest}",
            made_at=(now.astimezone(HOUSE_ZONE) if now.tzinfo is not None else now).strftime("%Y-%m-%d %H:%M"),
            program_version=__version__,
            **values,
        )
    )


# ---------------------------------------------------------------- sound


def recording(call: Call) -> tuple[Audio | None, str]:
    """The samples of a call's recording, or None and why not (Chinese).

    A file that is no longer the one that was scored is never played: its seconds would be somebody else's evidence.
    """
    path = Path(call.audio.path)
    try:
        audio = decode.decode(path)
    except QaError as error:
        return None, f"没有录音可放：{error.cause}。以下时间仍对应原录音。"
    if audio.info.sha256 != call.audio.sha256:
        return None, "没有录音可放：文件内容在评分之后变了，已不是评分时的录音。以下时间仍对应原录音。"
    return audio, ""


# ---------------------------------------------------------------- one call


def call_report(call: Call, card: Scorecard, *, book: RuleBook | None = None, now: datetime | None = None) -> str:
    """The page of :func:`call_pieces` as one text."""
    return "".join(call_pieces(call, card, book=book, now=now))


def call_pieces(call: Call, card: Scorecard, *, book: RuleBook | None = None, now: datetime | None = None) -> Iterator[str]:
    """The report page of one call (HTML) in pieces, for :func:`write`: of a long recording the sound never lies in memory whole.

    ``card`` must be the scorecard of ``call``.  The recording is read from ``call.audio.path``; without it the page says why
    there is nothing to hear.  ``book``: the rule book that the scorecard was made with, None if not known (:func:`qa.report_view.view`).
    ``now`` is shown as the time of making (default: this moment).
    Errors: :class:`StoreError` where the scorecard is that of another recording.
    """
    if card.provenance.file_sha256 != call.audio.sha256:
        raise StoreError(card.call_id, "评分与录音不是同一个文件", "请重新评分")
    audio, problem = recording(call)
    call, card = without_numbers(call, card)
    sound = secrets.token_hex(16)  # stands where the sound comes in; nobody can have written it
    page = render(
        "call.html.j2",
        now,
        title=f"通话质检报告 {card.call_id}",
        demo=card.provenance.demo,
        call_id=card.call_id,
        facts=call_facts(call, card),
        notes=[note for note in card.notes if not note.startswith("演示")],  # the banner says it
        percent=card.percent,
        percent_text=percent_text(card.percent),
        coverage=card.coverage,
        duration_ms=call.audio.duration_ms,
        v=view(call, card, book),
        audio=sound if audio else None,
        audio_problem=problem,
        provenance=provenance(call, card),
    )
    before, _, after = page.partition(sound)
    return itertools.chain([before], uri_pieces(audio) if audio else (), [after])


def call_facts(call: Call, card: Scorecard) -> list[tuple[str, str]]:
    """Who, when, how long: name and value, of a call without numbers."""
    record = call.record
    facts = [("坐席", " ".join(filter(None, (record.agent_name if record else "", card.agent_id or ""))) or "未知")]
    if record is not None:
        facts += [
            ("班组", record.team),
            ("方向", translated(DIRECTIONS[record.direction])),
            ("客户号码", record.customer_number),
            ("开始振铃", (record.start or "").replace("T", " ")),
            ("挂机方", translated(HANGUP.get(record.hangup_by or "", ""))),
        ]
    facts.append(("录音时长", length(call.audio.duration_ms)))
    return [(name, value) for name, value in facts if value]


def provenance(call: Call, card: Scorecard) -> list[tuple[str, str]]:
    """Which file, rules, models and program a scorecard comes from."""
    audio, made = call.audio, card.provenance
    rows = [
        ("录音文件", audio.path),
        ("SHA-256", audio.sha256),
        ("格式", f"{audio.container} · {audio.codec} · {audio.rate_hz} Hz · {translated('双声道' if audio.channels == 2 else '单声道')}"),
        *(("解码时发现", note) for note in audio.notes),
        ("评分规则", translated("{book}，版本 {version}", book=made.rule_book, version=made.rule_book_version)),
        *((translated("模型（{name}）", name=name), model) for name, model in made.models),
        ("程序版本", made.program_version),
        ("演示模型", translated("是：不得用于考核真实人员" if made.demo else "否")),
    ]
    return rows


# ---------------------------------------------------------------- one agent


def agent_report(
    agent: AgentScorecard,
    extremes: Iterable[tuple[Call, Scorecard]],
    calls: Sequence[ScoredCall] = (),
    *,
    link: Callable[[str], str | None] = lambda call_id: None,
    now: datetime | None = None,
) -> str:
    """The report page of one agent over a period (HTML).

    ``extremes`` are the calls that ``agent.worst`` and ``agent.best`` name, for the clips; ``calls`` all calls of the period.
    ``link`` gives the address of a call's own report beside this page, or None.
    Errors: :class:`StoreError` where one of them is not this agent's.
    """
    extremes = list(extremes)
    others = {card.call_id for _, card in extremes if card.agent_id != agent.agent_id}
    others |= {c.call_id for c in calls if c.agent_id != agent.agent_id}
    if others:
        raise StoreError("、".join(sorted(others)), f"不是坐席 {agent.agent_id} 的通话", "请只给出该坐席自己的通话")
    sounds = {card.call_id: (call, card, recording(call)) for call, card in extremes}
    return render(
        "agent.html.j2",
        now,
        title=f"坐席质检报告 {agent.agent_name} {agent.agent_id}",
        demo=agent.demo,
        agent=agent,
        percent_text=percent_text(agent.percent.value),
        interval=interval_text(agent.percent, 1.0),
        facts=_agent_facts(agent),
        notes=[note for note in agent.notes if not note.startswith("demo")],
        provenance=_agent_provenance(agent),
        v=agent_view(agent, sounds, calls, link),
    )


def _agent_facts(agent: AgentScorecard) -> list[tuple[str, str]]:
    period = f"{agent.since or '最早'} 至 {agent.until or '最近'}" if agent.since or agent.until else "全部"
    facts = [("班组", agent.team), ("期间", period), ("通话", f"{agent.calls} 通，其中 {agent.percent.n} 通有分数")]
    return [(name, value) for name, value in facts if value]


def _agent_provenance(agent: AgentScorecard) -> list[tuple[str, str]]:
    return [
        *(("评分规则", book) for book in agent.rule_books),
        *(("模型", model) for model in agent.models),
        ("演示模型", "是：不得用于考核真实人员" if agent.demo else "否"),
    ]


# ---------------------------------------------------------------- index


def index_page(
    calls: Sequence[ScoredCall], call_files: Mapping[str, str], agent_files: Mapping[str, str], *, now: datetime | None = None
) -> str:
    """The page that lists the reports of a folder, worst call first; addresses are file names beside it."""
    ordered = sorted(calls, key=lambda c: (c.percent is not None, c.percent or 0.0, c.call_id))
    names = {c.agent_id: c.agent_name for c in calls}
    return render(
        "index.html.j2",
        now,
        title="通话质检报告",
        demo=any(c.demo for c in calls),
        calls=[(c, call_row(c, call_files.get)) for c in ordered],
        agents=[(agent, names.get(agent, ""), file) for agent, file in agent_files.items()],
    )


# ---------------------------------------------------------------- files


def file_name(prefix: str, identity: str, customer_number: str = "") -> str:
    """A file name for a call or an agent: different for different ids, without path or shell characters or numbers."""
    safe = _UNSAFE.sub("_", mask_name(identity, customer_number)).strip(".")[:80]
    if safe != identity:
        safe += "-" + hashlib.sha256(identity.encode()).hexdigest()[:8]
    return f"{prefix}-{safe}.html"


def write(path: Path, page: str | Iterable[str]) -> None:
    """Write a page, or its pieces in order, whole; Errors: :class:`StoreError` where the place cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(path.name + ".part")
        with half.open("w", encoding="utf-8") as file:
            file.writelines([page] if isinstance(page, str) else page)
        half.replace(path)
    except OSError as error:
        raise StoreError(str(path), f"无法写入（{error.strerror}）", "请检查文件夹是否存在、是否可写") from error
