"""Reading report pages back: elements, text, and the sound inside them; and a database of calls to make pages of."""

from __future__ import annotations

import base64
import io
from html.parser import HTMLParser
from pathlib import Path

import av
import numpy as np
from report_samples import call, good, scorecard, write_wav

from qa.store import Store


class Page(HTMLParser):
    """Elements, ids, addresses and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._hidden = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden = tag in ("style", "script")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]

    def values(self, attribute: str) -> list[str]:
        return [str(attrs[attribute]) for _, attrs in self.tags if attribute in attrs]


def pcm_of(uri: str) -> np.ndarray:
    """Samples (n, channels) at 48 kHz of a ``data:`` URI, by FFmpeg's own Opus decoder."""
    with av.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1]))) as source:
        frames = [frame.to_ndarray() for frame in source.decode(audio=0)]
        channels = source.streams.audio[0].channels
    joined = np.concatenate([f.reshape(-1, channels) if f.shape[0] == 1 else f.T for f in frames])
    return joined.astype(np.float64)


def loudest_hz(x: np.ndarray, rate_hz: int) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(x * np.hanning(len(x))))) * rate_hz / len(x))


def stored(store: Store, folder: Path, call_id: str, agent_id: str, percent: float, start: str) -> None:
    recording = folder / f"{call_id}.wav"
    write_wav(recording, seed=sum(call_id.encode()))
    one = call(recording, call_id, agent_id, start)
    card = scorecard(one, percent)
    store.save_call(one, good(card) if percent == 100 else card)


def stored_agents(folder: Path) -> Store:
    """Three calls of agent 1024 on three days in a row, and one of agent 2048."""
    opened = Store(folder / "qa.db")
    for day, percent in enumerate((100.0, 46.67, 60.0), start=6):
        stored(opened, folder, f"A-{day}", "1024", percent, f"2024-05-{day:02d}T09:00:00.000")
    stored(opened, folder, "B-1", "2048", 46.67, "2024-05-06T10:00:00.000")
    return opened
