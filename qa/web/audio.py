"""Sound for the browser, by range requests: of a recording whose path stands in the store, never of a path that anybody asked for.

A recording that browsers play exactly (plain PCM in WAV) goes out as it lies there; any other is decoded once into a WAV file in a
folder of this run, which is deleted with it.  A file that is no longer the one that was scored is never played: its seconds would be
somebody else's evidence.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
import wave
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import FileResponse, Response

from qa import decode, places
from qa.errors import QaError
from qa.report_media import pieces_of
from qa.types import Audio, AudioInfo

MOST_BYTES = 2 << 30
"""Of decoded recordings kept at a time."""
_PLAIN = ("pcm_s16le", "pcm_u8")
_CHANGED = "文件内容在评分之后变了，已不是评分时的录音"


@dataclass(frozen=True)
class Sound:
    """A file that may be sent; ``digest`` names its content."""

    path: Path
    digest: str


class Sounds:
    """The recordings of one run of the app; several threads may ask at once."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._lock = threading.Lock()
        self._making: dict[str, threading.Lock] = {}
        self._known: dict[str, tuple[int, int, str]] = {}

    def problem(self, info: AudioInfo) -> str:
        """Why a recording cannot be heard (Chinese), '' where it can: it is there and is the one that was scored."""
        try:
            with places.at_hand(info.path) as path:
                return "" if self._digest(info.path, path) == info.sha256 else _CHANGED
        except QaError as error:
            return error.cause
        except OSError as error:
            return f"录音文件读不到（{error.strerror}）"

    def sound(self, info: AudioInfo) -> Sound:
        """What to send for a recording.

        Errors: :class:`qa.errors.AudioError` or OSError where it is missing, :class:`LookupError` where it was changed.
        """
        with places.at_hand(info.path) as path:
            if self._digest(info.path, path) != info.sha256:
                raise LookupError(_CHANGED)
            if str(path) == info.path and info.container == "wav" and info.codec in _PLAIN and not info.notes:
                return Sound(path, info.sha256)
            with self._lock:
                making = self._making.setdefault(info.sha256, threading.Lock())
            with making:
                return Sound(self._decoded(path, info.sha256), f"{info.sha256}-wav")

    def close(self) -> None:
        """Delete what was decoded."""
        if self._folder is not None:
            self._folder.cleanup()

    def _digest(self, name: str, path: Path) -> str:
        """SHA-256 of a file; read again only where its size or time of change is another."""
        stat = path.stat()
        known = self._known.get(name)
        if known is None or known[:2] != (stat.st_size, stat.st_mtime_ns):
            known = self._known[name] = (stat.st_size, stat.st_mtime_ns, decode.file_sha256(path))
        return known[2]

    def _decoded(self, path: Path, sha256: str) -> Path:
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="qa-sound-")
            kept = Path(self._folder.name) / f"{hashlib.sha256(sha256.encode()).hexdigest()}.wav"
        if not kept.exists():
            write_wav(decode.decode(path), kept)
            self._make_room(kept)
        kept.touch()
        return kept

    def _make_room(self, keep: Path) -> None:
        with self._lock:
            files = sorted(keep.parent.glob("*.wav"), key=lambda f: f.stat().st_mtime_ns)
            total = sum(f.stat().st_size for f in files)
            for file in files:
                if total > MOST_BYTES and file != keep:
                    total -= file.stat().st_size
                    file.unlink()  # whoever is reading it reads on


def write_wav(audio: Audio, path: Path) -> None:
    """A recording as PCM of 16 bits; the file appears whole or not at all."""
    half = path.with_suffix(".part")
    with wave.open(str(half), "wb") as out:
        out.setnchannels(audio.info.channels)
        out.setsampwidth(2)
        out.setframerate(audio.info.rate_hz)
        for piece in pieces_of(audio):
            out.writeframesraw(piece.astype("<i2").tobytes())
    half.replace(path)


def answer(sound: Sound, media_type: str = "audio/wav") -> Response:
    """The file, or the range of it that the browser asks for (RFC 9110, 14)."""
    headers = {"Cache-Control": "private, no-store", "ETag": f'"{sound.digest}"'}
    return FileResponse(sound.path, media_type=media_type, headers=headers)
