"""Playlists: made, ordered, annotated, heard one clip after the other, exported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from qa.clips import export, notes, playlists, sounds
from qa.errors import StoreError
from qa.web.addresses import address
from qa.web.language import translated as _
from qa.web.pages.trainer_parts import listed, number
from qa.web.permissions import Permission
from qa.web.refusals import Refused
from qa.web.wording import told, without_commands

if TYPE_CHECKING:
    from qa.web.ask import Ask


def listing(ask: Ask) -> Response:
    """All playlists, and a form for a new one."""
    return ask.render("web/trainer/playlists.html.j2", title=_("播放列表"), lists=playlists.playlists(ask.store), problem="")


def create(ask: Ask) -> Response:
    """A new playlist, with a clip in it where one is named."""
    try:
        made = playlists.create(ask.store, ask.form.text("title"), ask.user.name or ask.user.login, ask.form.text("note"))
    except StoreError as error:
        problem = told(error)
        values = {"title": _("播放列表"), "lists": playlists.playlists(ask.store), "problem": problem}
        return ask.render("web/trainer/playlists.html.j2", 400, **values)
    _wrote(ask, "playlist.create", made)
    return ask.redirect(address("/playlists/{playlist_id}", playlist_id=made), _("播放列表已建好"))


def _id(ask: Ask) -> int:
    return number(ask.params["playlist_id"])


def page(ask: Ask) -> Response:
    """One playlist."""
    known, items = playlists.playlist(ask.store, _id(ask)), playlists.items(ask.store, _id(ask))
    shown = listed(ask, [item.clip for item in items])
    waiting = {note.item: note for note in notes.of_playlist(ask.store, known, items) if not note.confirmed}
    own = notes.own(ask.store, known.id, ask.user)
    ask.audit("playlist.view", "playlist", str(known.id))
    return ask.render(
        "web/trainer/playlist.html.j2",
        title=known.heading,
        playlist=known,
        items=items,
        **shown,
        formats=[(name, name.upper() if name != "opus" else "Opus") for name in sounds.FORMATS],
        unconfirmed=waiting,
        readable=[note for note in waiting.values() if note.digest not in own],
        may_release=ask.may(Permission.CLIP_RELEASE),
        ready=bool(items) and all(item.clip.id in shown["released"] for item in items),
    )


def change(ask: Ask) -> Response:
    """Another title and note."""
    before = notes.digests(ask.store, _id(ask))
    playlists.change(ask.store, _id(ask), ask.form.text("title"), ask.form.text("note"))
    _wrote(ask, "playlist.change", _id(ask), before)
    return _back(ask, _("已保存"))


def delete(ask: Ask) -> Response:
    """Delete the list; its clips stay."""
    playlists.delete(ask.store, _id(ask))
    ask.audit("playlist.delete", "playlist", str(_id(ask)))
    return ask.redirect("/playlists", _("播放列表已删除，片段还在"))


def add(ask: Ask) -> Response:
    """A clip into the list."""
    before = notes.digests(ask.store, _id(ask))
    playlists.add(ask.store, _id(ask), ask.form.integer("clip"), ask.form.text("note"))
    _wrote(ask, "playlist.add", _id(ask), before, clip=ask.form.integer("clip"))
    return _back(ask, _("已加入播放列表"))


def item(ask: Ask) -> Response:
    """An item moved, taken out or annotated."""
    playlist_id, item_id = _id(ask), number(ask.params["item_id"])
    what = ask.form.one_of("what", ("up", "down", "remove", "note"))
    before = notes.digests(ask.store, playlist_id)
    if what in ("up", "down"):
        playlists.move(ask.store, playlist_id, item_id, what == "up")
    elif what == "remove":
        playlists.remove(ask.store, playlist_id, item_id)
    else:
        playlists.annotate(ask.store, playlist_id, item_id, ask.form.text("note"))
    if what == "note":
        _wrote(ask, "playlist.note", playlist_id, before)
    else:
        ask.audit(f"playlist.{what}", "playlist", str(playlist_id))
    return _back(ask, "" if what in ("up", "down") else _("已保存"))


def _wrote(ask: Ask, action: str, playlist_id: int, before: frozenset[str] = frozenset(), **details: object) -> None:
    """Log that the person wrote what was not among the notes (digests) ``before``: who changes something else has not written them."""
    new = notes.digests(ask.store, playlist_id) - before
    ask.audit(action, "playlist", str(playlist_id), **details, **({"notes": " ".join(sorted(new))} if new else {}))


def confirm(ask: Ask) -> Response:
    """QA has read the notes that stood on the page."""
    known, items = playlists.playlist(ask.store, _id(ask)), playlists.items(ask.store, _id(ask))
    try:
        count = notes.confirm(ask.store, known, items, ask.form.text("notes").split(), ask.user)
    except StoreError as error:
        raise Refused(409, told(error)) from error
    return _back(ask, _("已确认 {n} 条备注，导出时带上", n=count))


def _back(ask: Ask, notice: str) -> Response:
    return ask.redirect(address("/playlists/{playlist_id}", playlist_id=_id(ask)), notice)


def packed(ask: Ask) -> Response:
    """The list as a zip, where every clip of it is released."""
    known, items = playlists.playlist(ask.store, _id(ask)), playlists.items(ask.store, _id(ask))
    if not items:
        raise Refused(409, _("播放列表是空的"))
    try:
        made = export.packed(ask.store, known, items, ask.query.one_of("audio", tuple(sounds.FORMATS), "opus"), ask.now)
    except StoreError as error:
        raise Refused(409, f"{without_commands(error.cause)}：{error.subject}。{without_commands(error.cure)}") from error
    ask.audit("playlist.export", "playlist", str(known.id), clips=len(items))
    return ask.download(made.data, f"playlist-{known.id}.zip", made.media_type)
