"""Playlists and clips for other programs: a zip with an index page that plays them, captions (VTT), Audacity labels, Praat TextGrid.

Nothing leaves that QA has not released, and nothing but the redacted: no call id, no agent, no recording's name.  Who speaks, and that
something is beeped, is told in the language of the page that was asked (Chinese outside of one); titles, notes and words stay as they are.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qa.clips import sounds
from qa.clips.cutting import Caption, Clip, Version, sound
from qa.clips.masking import masker
from qa.clips.notes import going_out
from qa.clips.playlists import Item, Playlist
from qa.clips.release import require_released
from qa.report import render
from qa.report_text import ROLE_TEXT
from qa.store import Store
from qa.web import marking
from qa.web.language import between, current
from qa.web.language import translated as _

ROLES = {role.value: text for role, text in ROLE_TEXT.items()}
EXAMPLES = {"good": "好例", "bad": "差例", "": ""}
_UNSAFE = re.compile(r"[^\w-]+")
_FIXED = (1980, 1, 1, 0, 0, 0)  # the same playlist gives the same file


@dataclass(frozen=True)
class Exported:
    """A file to be sent."""

    name: str
    media_type: str
    data: bytes


def packed(store: Store, playlist: Playlist, items: Sequence[Item], audio: str, now: datetime) -> Exported:
    """The playlist as a zip, with the notes that QA has confirmed; ``audio`` is one of ``sounds.FORMATS``.

    Errors: :class:`StoreError` where a clip of it is not released.
    """
    require_released(store, [item.clip for item in items])
    playlist, items = going_out(store, playlist, items)
    form = sounds.FORMATS.get(audio, sounds.FORMATS["opus"])
    out, rows = io.BytesIO(), list[dict[str, Any]]()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        for item in items:
            base = f"{item.position:02d}-{file_name(item.clip.title)}"
            pcm, rate_hz = sounds.samples(sound(store, item.clip.version))
            _add(file, f"clips/{base}.{form.suffix}", sounds.encoded(pcm, rate_hz, form.name))
            for suffix, text in _sidecars(item.clip.version):
                _add(file, f"clips/{base}.{suffix}", text.encode())
            rows.append({"item": item, "base": base, "sound": f"clips/{base}.{form.suffix}", "captions": shown(item.clip.version)})
        names = "".join(
            f"#EXTINF:{round(r['item'].clip.version.duration_ms / 1000)},{_one_line(r['item'].clip.title)}\n{r['sound']}\n" for r in rows
        )
        _add(file, "playlist.m3u8", f"#EXTM3U\n{names}".encode())
        demo = any(item.clip.version.demo for item in items)
        page = render("web/trainer/export.html.j2", now, lang=current(), playlist=playlist, rows=rows, demo=demo, examples=EXAMPLES)
        _add(file, "index.html", (marking.marked(page) if current() == "en" else page).encode())
    return Exported(f"{file_name(playlist.title)}.zip", "application/zip", out.getvalue())


def single(store: Store, clip: Clip, kind: str) -> Exported:
    """One clip: its sound (``opus``, ``wav``, ``mp3``) or its words (``vtt``, ``labels``, ``textgrid``).

    Errors: :class:`StoreError` where it is not released, or for any other kind.
    """
    require_released(store, [clip])
    words = {"vtt": (vtt, "vtt", "text/vtt"), "labels": (labels, "txt", "text/plain"), "textgrid": (textgrid, "TextGrid", "text/plain")}
    name = file_name(masker(store, clip.call_id)(clip.title))
    if kind in words:
        write, suffix, media_type = words[kind]
        return Exported(f"{name}.{suffix}", f"{media_type}; charset=utf-8", write(clip.version).encode())
    pcm, rate_hz = sounds.samples(sound(store, clip.version))
    data = sounds.encoded(pcm, rate_hz, kind)
    return Exported(f"{name}.{sounds.FORMATS[kind].suffix}", sounds.FORMATS[kind].media_type, data)


def file_name(title: str) -> str:
    """A title as a file name on any system."""
    return _UNSAFE.sub("_", title).strip("_")[:60] or "clip"


def _add(file: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _FIXED)
    info.external_attr = 0o644 << 16
    file.writestr(info, data)


def _speaker(role: str) -> str:
    return _(ROLES.get(role, role))


def _sidecars(version: Version) -> Iterator[tuple[str, str]]:
    yield "vtt", vtt(version)
    yield "labels.txt", labels(version)
    yield "TextGrid", textgrid(version)


def shown(version: Version) -> list[tuple[str, str, str]]:
    """Captions for a page: time, who, words."""
    return [(f"{c.start_ms // 60_000}:{c.start_ms / 1000 % 60:04.1f}", _speaker(c.role), c.text) for c in version.captions]


# ---------------------------------------------------------------- words with times


def vtt(version: Version) -> str:
    """WebVTT captions; who speaks is the cue's voice."""
    cues = []
    for caption in version.captions:
        if caption.end_ms > caption.start_ms:
            text = _one_line(caption.text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            cues.append(f"{_vtt_time(caption.start_ms)} --> {_vtt_time(caption.end_ms)}\n<v {_speaker(caption.role)}>{text}\n")
    return "WEBVTT\n\n" + "\n".join(cues)


def _vtt_time(ms: int) -> str:
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def labels(version: Version) -> str:
    """An Audacity label track: start and end in seconds, text; beeps are labelled too."""
    rows = [(c.start_ms, c.end_ms, f"{_speaker(c.role)}{between('：')}{_one_line(c.text)}") for c in version.captions]
    rows += [(b.span.start_ms, b.span.end_ms, _("（已消音）")) for b in version.beeps]
    return "".join(f"{start / 1000:.6f}\t{end / 1000:.6f}\t{text}\n" for start, end, text in sorted(rows))


def textgrid(version: Version) -> str:
    """A Praat TextGrid (long text format): an interval tier a speaker, one of the beeps."""
    spoken = dict.fromkeys(c.role for c in version.captions)
    tiers = {_speaker(role): [c for c in version.captions if c.role == role] for role in spoken}
    tiers[_("消音")] = [Caption("", b.span.start_ms, b.span.end_ms, _("消音")) for b in version.beeps]
    end = version.duration_ms / 1000
    out = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {end:.3f}", "tiers? <exists>"]
    out += [f"size = {len(tiers)}", "item []:"]
    for number, (name, captions) in enumerate(tiers.items(), start=1):
        intervals = list(_intervals(captions, version.duration_ms))
        out += [f"    item [{number}]:", '        class = "IntervalTier"', f'        name = "{name}"', "        xmin = 0"]
        out += [f"        xmax = {end:.3f}", f"        intervals: size = {len(intervals)}"]
        for k, (start_ms, end_ms, text) in enumerate(intervals, start=1):
            quoted = _one_line(text).replace('"', '""')
            out += [f"        intervals [{k}]:", f"            xmin = {start_ms / 1000:.3f}", f"            xmax = {end_ms / 1000:.3f}"]
            out.append(f'            text = "{quoted}"')
    return "\n".join(out) + "\n"


def _intervals(captions: Sequence[Caption], duration_ms: int) -> Iterator[tuple[int, int, str]]:
    """The captions of a tier without gaps and overlaps, as the format wants them."""
    at = 0
    for caption in sorted(captions, key=lambda c: (c.start_ms, c.end_ms)):
        start, end = max(at, caption.start_ms), min(caption.end_ms, duration_ms)
        if end <= start:
            continue
        if start > at:
            yield at, start, ""
        yield start, end, caption.text
        at = end
    if at < duration_ms or not captions:
        yield at, duration_ms, ""


def _one_line(text: str) -> str:
    return " ".join(text.split())
