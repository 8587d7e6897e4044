"""What people have done in the store of ``web_store.py``: appeals and their answers, clips, playlists, a rule draft, a plan of the day.

    python benchmarks/web_work.py /tmp/big.db             for a store that was made without

All through the program's own functions, so that the pages of the load test have something to show.  The store has no sound: a clip's is
silence of its length.
"""

from __future__ import annotations

import argparse
import datetime
import random
from pathlib import Path
from typing import Any

import numpy as np

from qa import rows
from qa.clips import cutting, playlists, release
from qa.clips.cutting import Redacted, Wish
from qa.review import appeals, publications, rule_editing, sampling
from qa.review.appeal_states import LEAD
from qa.store import Store
from qa.types import Outcome, Span

SEED = 6
APPEALS, CLIPS, PLAYLISTS, IN_A_PLAYLIST = 1500, 600, 40, 15
SUPPORTED, REFUSED, RELEASED = 0.05, 0.85, 0.8
"""Shares of the appeals that the team lead has supported and refused (and the agent taken back), of the clips that were released."""
RATE_HZ = 8000
BOOK = "zhongyi-gas"


def file_appeals(store: Store, chance: random.Random) -> int:
    """Agents appeal against breaches of published calls of the last year and more, two days after."""
    newest = "select call_id, agent_id, substr(started, 1, 10) as day from calls order by started desc limit ?"
    filed = 0
    for call in store.db.rows(newest, 400 * APPEALS):
        number = publications.newest(store.db, call["call_id"])
        if filed == APPEALS or chance.random() > 0.01 or number is None:
            continue
        card = publications.at(store, call["call_id"], number)[1]
        wrong = [result.check_id for result in card.results if result.outcome is Outcome.FAIL]
        day = datetime.date.fromisoformat(call["day"]) + datetime.timedelta(days=2)
        reasons = appeals.terms_of(store, card).reasons
        if not wrong or not reasons or not appeals.window(store, call["call_id"], wrong[0], day).open:
            continue
        who = (call["agent_id"], chance.choice(reasons), "请再听一遍录音")
        made = appeals.file(store, call["call_id"], wrong[0], *who, "坐席", day)
        drawn = chance.random()
        if drawn < SUPPORTED + REFUSED:
            appeals.answer(store, made.id, LEAD, "support" if drawn < SUPPORTED else "reject", "已听录音", "班组长", day)
        if SUPPORTED <= drawn < SUPPORTED + REFUSED:
            appeals.take_back(store, made.id, "坐席", day)
        filed += 1
    return filed


def cut_clips(store: Store, chance: random.Random) -> list[int]:
    """Clips of breaches and of good results of the newest calls; most are released."""
    made = []
    for call in store.db.rows("select call_id, duration_ms from search_calls order by number desc limit ?", CLIPS):
        result = chance.choice([r for r in store.scorecard(call["call_id"]).results if r.outcome in (Outcome.PASS, Outcome.FAIL)])
        start = chance.randrange(max(1, call["duration_ms"] - 12_000))
        part = Redacted(Span(start, start + 9_000), np.zeros((9 * RATE_HZ, 2), np.int16), RATE_HZ, (), ())
        wish = Wish(part.span, title=result.title, example="good" if result.outcome is Outcome.PASS else "bad", check_id=result.check_id)
        row: dict[str, Any] = cutting._words_of(store, wish, "") | {
            "call_id": call["call_id"],
            "made_by": "培训",
            "created": rows.now_utc(),
        }
        with store.db.writing():
            clip_id = store.db.insert("clips", row)
            cutting._keep(store, clip_id, store.call(call["call_id"]), part, "培训")
        if chance.random() < RELEASED:
            version = cutting.clip(store, clip_id).version
            release.decide(store, clip_id, version.id, release.RELEASED, "质检", heard=True)
        made.append(clip_id)
    return made


def list_clips(store: Store, clips: list[int], chance: random.Random) -> None:
    for number in range(PLAYLISTS):
        listed = playlists.create(store, f"新人培训第 {number + 1} 课", "培训", "先听差例，再听好例")
        for clip_id in chance.sample(clips, min(IN_A_PLAYLIST, len(clips))):
            playlists.add(store, listed, clip_id, "注意第一句")


def work(store: Store) -> str:
    """Does it all; returns what there is of each."""
    chance = random.Random(SEED)
    filed = file_appeals(store, chance)
    clips = cut_clips(store, chance)
    list_clips(store, clips, chance)
    rule_editing.begin(store, BOOK, "质检")
    (last,) = store.db.rows("select max(started) as day from calls")
    sampling.draw(store, datetime.date.fromisoformat(last["day"][:10]), 1, "质检")
    return f"{filed} appeals, {len(clips)} clips, {PLAYLISTS} playlists, a rule draft, a plan of the day"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("db", type=Path)
    with Store(parser.parse_args().db, create=False) as store:
        print(work(store))


if __name__ == "__main__":
    main()
