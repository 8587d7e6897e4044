"""Playlists: made, ordered, annotated, heard one clip after the other, exported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from qa.clips import export, playlists, sounds
from qa.errors import StoreError
from qa.web.addresses import address
from qa.web.language import translated as _
from qa.web.pages.trainer_parts import listed, number
from qa.web.refusals import Refused

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
        problem = f"{_(error.cause)}。{_(error.cure)}"
        values = {"title": _("播放列表"), "lists": playlists.playlists(ask.store), "problem": problem}
        return ask.render("web/trainer/playlists.html.j2", 400, **values)
    ask.audit("playlist.create", "playlist", str(made))
    return ask.redirect(address("/playlists/{playlist_id}", playlist_id=made), _("播放列表已建好"))


def _id(ask: Ask) -> int:
    return number(ask.params["playlist_id"])


def page(ask: Ask) -> Response:
    """One playlist."""
    known, items = playlists.playlist(ask.store, _id(ask)), playlists.items(ask.store, _id(ask))
    shown = listed(ask, [item.clip for item in items])
    ask.audit("playlist.view", "playlist", str(known.id))
    return ask.render(
        "web/trainer/playlist.html.j2",
        title=known.heading,
        playlist=known,
        items=items,
        **shown,
        formats=[(name, name.upper() if name != "opus" else "Opus") for name in sounds.FORMATS],
        ready=bool(items) and all(item.clip.id in shown["released"] for item in items),
    )


def change(ask: Ask) -> Response:
    """Another title and note."""
    playlists.change(ask.store, _id(ask), ask.form.text("title"), ask.form.text("note"))
    ask.audit("playlist.change", "playlist", str(_id(ask)))
    return _back(ask, _("已保存"))


def delete(ask: Ask) -> Response:
    """Delete the list; its clips stay."""
    playlists.delete(ask.store, _id(ask))
    ask.audit("playlist.delete", "playlist", str(_id(ask)))
    return ask.redirect("/playlists", _("播放列表已删除，片段还在"))


def add(ask: Ask) -> Response:
    """A clip into the list."""
    playlists.add(ask.store, _id(ask), ask.form.integer("clip"), ask.form.text("note"))
    ask.audit("playlist.add", "playlist", str(_id(ask)), clip=ask.form.integer("clip"))
    return _back(ask, _("已加入播放列表"))


def item(ask: Ask) -> Response:
    """An item moved, taken out or annotated."""
    playlist_id, item_id = _id(ask), number(ask.params["item_id"])
    what = ask.form.one_of("what", ("up", "down", "remove", "note"))
    if what in ("up", "down"):
        playlists.move(ask.store, playlist_id, item_id, what == "up")
    elif what == "remove":
        playlists.remove(ask.store, playlist_id, item_id)
    else:
        playlists.annotate(ask.store, playlist_id, item_id, ask.form.text("note"))
    ask.audit(f"playlist.{what}", "playlist", str(playlist_id))
    return _back(ask, "" if what in ("up", "down") else _("已保存"))


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
        raise Refused(409, f"{error.cause}：{error.subject}。{error.cure}") from error
    ask.audit("playlist.export", "playlist", str(known.id), clips=len(items))
    return ask.download(made.data, f"playlist-{known.id}.zip", made.media_type)
