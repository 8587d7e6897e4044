"""What trainers write in playlists: QA's confirmation before it leaves the house.

A clip's own title and note are confirmed with the clip: they change only where it is cut again.  The notes of a playlist and of its items
may be written at any time, so QA confirms each by itself, as it reads then; until that it stays here when the playlist leaves.  Who wrote
and who confirmed what is told by the audit log, which holds a digest in place of the words.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from qa.clips.masking import masker
from qa.clips.playlists import Item, Playlist, playlist
from qa.clips.playlists import items as playlist_items
from qa.errors import StoreError
from qa.people import audit
from qa.people.accounts import User
from qa.store import Store

CONFIRMED = "playlist.confirm"
WROTE = ("playlist.create", "playlist.change", "playlist.add", "playlist.note")
"""Rows of the log: QA read notes and lets them out; somebody wrote one."""


@dataclass(frozen=True)
class Note:
    """What stands in a playlist beside its clips: ``item`` is the item's id, 0 for the playlist's own; ``confirmed``: by QA, as it is."""

    item: int
    text: str
    digest: str
    confirmed: bool


def digest(playlist_id: int, item: int, text: str) -> str:
    """What the log names a note by: another one for every change of it."""
    return hashlib.blake2s("\x1f".join(("note", str(playlist_id), str(item), text)).encode(), digest_size=10).hexdigest()


def of_playlist(store: Store, playlist: Playlist, items: Sequence[Item]) -> tuple[Note, ...]:
    """All notes that a playlist has, its own first."""
    known = {one for row in _rows(store, playlist.id, (CONFIRMED,)) for one in row.digests}
    texts = ((0, playlist.note), *((item.id, item.note) for item in items))
    found = ((item, text, digest(playlist.id, item, text)) for item, text in texts if text)
    return tuple(Note(item, text, mark, mark in known) for item, text, mark in found)


def confirm(store: Store, playlist: Playlist, items: Sequence[Item], read: Iterable[str], by: User) -> int:
    """QA has read these notes (their digests) and lets them out; returns how many.

    Errors: :class:`StoreError` where one of them reads otherwise by now, or was written by the same person.
    """
    asked = set(read)
    with store.db.writing():
        waiting = {note.digest for note in of_playlist(store, playlist, items) if not note.confirmed}
        if not asked or not asked <= waiting:
            raise StoreError(f"播放列表 {playlist.id}", "这期间备注改过", "请重新读一遍再确认")
        if asked & own(store, playlist.id, by):
            raise StoreError(f"播放列表 {playlist.id}", "自己写的备注不能自己确认", "请另一位质检员来读")
        audit.record(store.db, by, CONFIRMED, "playlist", str(playlist.id), {"notes": " ".join(sorted(asked))})
    return len(asked)


def own(store: Store, playlist_id: int, who: User) -> frozenset[str]:
    """The notes (by digest) that a person wrote, whoever wrote them again since."""
    return frozenset(one for row in _rows(store, playlist_id, WROTE) if row.user_id == who.id for one in row.digests)


def digests(store: Store, playlist_id: int) -> frozenset[str]:
    """The notes that a playlist has."""
    known, items = playlist(store, playlist_id), playlist_items(store, playlist_id)
    return frozenset(note.digest for note in of_playlist(store, known, items))


def going_out(store: Store, playlist: Playlist, items: Sequence[Item]) -> tuple[Playlist, tuple[Item, ...]]:
    """The playlist as it may leave: without notes that QA has not confirmed, without names (also in what was written before they were
    masked as it was written)."""
    confirmed = {note.item for note in of_playlist(store, playlist, items) if note.confirmed}
    plain = masker(store)
    shown = replace(playlist, note=plain(playlist.note) if 0 in confirmed else "")
    if not playlist.origin:
        shown = replace(shown, title=plain(playlist.title))
    told, maskers = [], {call_id: masker(store, call_id) for call_id in {item.clip.call_id for item in items}}
    for item in items:
        masked = maskers[item.clip.call_id]
        clip = replace(item.clip, title=masked(item.clip.title), note=masked(item.clip.note))
        told.append(replace(item, note=masked(item.note) if item.id in confirmed else "", clip=clip))
    return shown, tuple(told)


@dataclass(frozen=True)
class _Row:
    user_id: int | None
    digests: tuple[str, ...]


def _rows(store: Store, playlist_id: int, actions: Sequence[str]) -> Iterator[_Row]:
    """What the log tells of the notes of a playlist, the earliest first."""
    sql = f"""select user_id, details_json from audit_log where object_kind = 'playlist' and object_id = ?
      and action in ({", ".join("?" * len(actions))}) order by id"""
    for row in store.db.rows(sql, str(playlist_id), *actions):
        yield _Row(row["user_id"], tuple(json.loads(row["details_json"]).get("notes", "").split()))
