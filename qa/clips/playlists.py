"""Playlists: clips in an order, with a note on the whole and on each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qa import rows
from qa.clips.cutting import Clip, clip, signed
from qa.clips.masking import masker
from qa.clips.tables import next_id
from qa.errors import NotFoundError, StoreError
from qa.export import mask_text
from qa.store import Store
from qa.web.language import translated

_TITLE, _NOTE = 80, 1000
MOST = 200
"""Clips in a playlist."""


@dataclass(frozen=True)
class Item:
    """A clip in a playlist; ``position`` from 1."""

    id: int
    position: int
    note: str
    clip: Clip


@dataclass(frozen=True)
class Playlist:
    """``origin``: what made it (a brief's team and day), "" for a person's own."""

    id: int
    title: str
    note: str
    made_by: str
    created: str
    updated: str
    origin: str
    size: int

    @property
    def heading(self) -> str:
        """The title as it is shown: what a person wrote stays, what the program wrote is in the language of the page."""
        return translated(self.title) if self.origin else self.title


def create(store: Store, title: str, by: str, note: str = "", origin: str = "") -> int:
    """A new playlist; returns its id.  Errors: :class:`StoreError` without a title."""
    now = rows.now_utc()
    row = _texts(store, title, note, made=bool(origin)) | {"made_by": signed(by), "created": now, "updated": now, "origin": origin}
    with store.db.writing():
        return store.db.insert("playlists", row | {"id": next_id(store.db, "playlists")})


def change(store: Store, playlist_id: int, title: str, note: str) -> None:
    """Another title and note."""
    known = playlist(store, playlist_id)
    texts = _texts(store, title, note, made=title.strip() == known.title)
    with store.db.writing():
        _touch(store, playlist_id)
        store.db.sqlite.execute("update playlists set title = ?, note = ? where id = ?", (texts["title"], texts["note"], playlist_id))


def delete(store: Store, playlist_id: int) -> None:
    """Delete a playlist; its clips stay."""
    with store.db.writing():
        _touch(store, playlist_id)
        store.db.sqlite.execute("delete from playlist_items where playlist_id = ?", (playlist_id,))
        store.db.sqlite.execute("delete from playlists where id = ?", (playlist_id,))


def add(store: Store, playlist_id: int, clip_id: int, note: str = "") -> int:
    """Put a clip at the end; a clip that is there already stays where it is.  Returns the item's id.

    Errors: :class:`StoreError` where the list is full.
    """
    masked = masker(store, clip(store, clip_id).call_id)(note.strip()[:_NOTE])
    with store.db.writing():
        _touch(store, playlist_id)
        there = store.db.rows("select id, clip_id, position from playlist_items where playlist_id = ?", playlist_id)
        known = next((int(row["id"]) for row in there if row["clip_id"] == clip_id), None)
        if known is not None:
            return known
        if len(there) >= MOST:
            raise StoreError(f"播放列表 {playlist_id}", f"已有 {MOST} 个片段", "请另建一个列表")
        last = max((row["position"] for row in there), default=0)
        row = {"playlist_id": playlist_id, "clip_id": clip_id, "position": last + 1, "note": masked}
        return store.db.insert("playlist_items", row | {"id": next_id(store.db, "playlist_items")})


def annotate(store: Store, playlist_id: int, item_id: int, note: str) -> None:
    """Another note on an item."""
    item = _item(store, playlist_id, item_id)
    masked = masker(store, clip(store, item["clip_id"]).call_id)(note.strip()[:_NOTE])
    with store.db.writing():
        _item(store, playlist_id, item_id)
        _touch(store, playlist_id)
        store.db.sqlite.execute("update playlist_items set note = ? where id = ?", (masked, item_id))


def move(store: Store, playlist_id: int, item_id: int, up: bool) -> None:
    """One place up or down; at the end nothing happens."""
    with store.db.writing():
        _item(store, playlist_id, item_id)
        _touch(store, playlist_id)
        ids = [row["id"] for row in store.db.rows("select id from playlist_items where playlist_id = ? order by position", playlist_id)]
        at = ids.index(item_id)
        other = at - 1 if up else at + 1
        if 0 <= other < len(ids):
            ids[at], ids[other] = ids[other], ids[at]
        _number(store, ids)


def remove(store: Store, playlist_id: int, item_id: int) -> None:
    """Take an item out; the clip stays."""
    with store.db.writing():
        _item(store, playlist_id, item_id)
        _touch(store, playlist_id)
        store.db.sqlite.execute("delete from playlist_items where id = ?", (item_id,))
        _number(
            store, [r["id"] for r in store.db.rows("select id from playlist_items where playlist_id = ? order by position", playlist_id)]
        )


def playlist(store: Store, playlist_id: int) -> Playlist:
    """Errors: :class:`NotFoundError` for an unknown one."""
    found = store.db.rows(f"{_LISTS} where p.id = ?", playlist_id)
    if not found:
        raise NotFoundError(f"播放列表 {playlist_id}", "没有这个播放列表", "它可能已被删除")
    return Playlist(**found[0])


def playlists(store: Store, limit: int = 200) -> tuple[Playlist, ...]:
    """The last changed ones first."""
    return tuple(Playlist(**row) for row in store.db.rows(f"{_LISTS} order by p.updated desc, p.id desc limit ?", limit))


def by_origin(store: Store, origin: str) -> Playlist | None:
    found = store.db.rows(f"{_LISTS} where p.origin = ? order by p.id desc limit 1", origin)
    return Playlist(**found[0]) if found else None


def items(store: Store, playlist_id: int) -> tuple[Item, ...]:
    """In their order."""
    found = store.db.rows("select * from playlist_items where playlist_id = ? order by position", playlist_id)
    return tuple(Item(row["id"], k, row["note"], clip(store, row["clip_id"])) for k, row in enumerate(found, start=1))


_LISTS = "select p.*, (select count(*) from playlist_items i where i.playlist_id = p.id) as size from playlists p"


def _texts(store: Store, title: str, note: str, made: bool) -> dict[str, str]:
    """``made``: the title is the program's, or stands there already."""
    if not title.strip():
        raise StoreError("播放列表", "没有写名称", "请写一个名称")
    masked = masker(store)
    return {"title": (mask_text if made else masked)(" ".join(title.split())[:_TITLE]), "note": masked(note.strip()[:_NOTE])}


def _item(store: Store, playlist_id: int, item_id: int) -> dict[str, Any]:
    found = store.db.rows("select * from playlist_items where id = ? and playlist_id = ?", item_id, playlist_id)
    if not found:
        raise NotFoundError(f"第 {item_id} 项", "不在这个播放列表里", "请刷新页面")
    return found[0]


def _touch(store: Store, playlist_id: int) -> None:
    playlist(store, playlist_id)
    store.db.sqlite.execute("update playlists set updated = ? where id = ?", (rows.now_utc(), playlist_id))


def _number(store: Store, ids: list[int]) -> None:
    for position, item_id in enumerate(ids, start=1):
        store.db.sqlite.execute("update playlist_items set position = ? where id = ?", (position, item_id))
