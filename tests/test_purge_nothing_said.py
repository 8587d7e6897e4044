"""A correction that nothing was said in a stretch holds the words that stood there: they go with the others."""

from __future__ import annotations

from test_purge import OLD, own_recordings
from test_purge_shown import REVIEW, plain, purge_words
from web_house import House

from qa import role_marks, rulebook
from qa.rescore import judge
from qa.review import text_marks
from qa.review.verdicts import Terms
from qa.role_settings import RoleSettings
from qa.store import Store
from qa.types import Call


def test_words_that_a_correction_struck_out_are_deleted_with_the_others(house: House) -> None:
    own_recordings(house)
    said = house.store.call(OLD).transcript.utterances[0]
    text_marks.correct(house.store, OLD, said.speaker, said.span, "", Terms("甲", "没有人说话"))
    purge_words(house)
    (mark,) = text_marks.marks(house.store.db, OLD)
    assert mark.before == mark.edges == ()
    assert said.text not in plain(house.client("qa").get(REVIEW).text)


def test_a_correction_whose_words_were_deleted_is_not_one_that_nothing_was_said(house: House) -> None:
    """Whoever hears the recording anew hears all of it; until somebody corrects it again, who said what is unsure."""
    own_recordings(house)
    heard = house.store.call(OLD)
    said = heard.transcript.utterances[2]
    text_marks.correct(house.store, OLD, said.speaker, said.span, "这个不归我管，你自己打电话问吧。", Terms("甲", "听错了"))
    purge_words(house)
    again = text_marks.standing(house.store, heard, OLD)
    assert [u.text for u in again.transcript.utterances] == [u.text for u in heard.transcript.utterances]
    told = role_marks.standing(house.store, again, RoleSettings())
    assert told.roles.doubt is not None and "已按保存期限删除" in told.roles.doubt
    store_again(house.store, told)
    (mark,) = text_marks.counting(text_marks.marks(house.store.db, OLD))
    text_marks.undo(house.store, OLD, mark.id, Terms("甲", "已删除"))
    assert not house.store.call(OLD).roles.doubt


def store_again(store: Store, of: Call) -> None:
    book = rulebook.load("default")
    store.record(of, judge(of, book, store.earlier()))
