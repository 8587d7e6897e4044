"""Levels of a speaker over a part of what is heard under the speaker's label, from the frames that were measured: nothing is heard again.

Only the level is known of a part.  The peak stays that of the whole, and the share of clipped samples the most that it can be: who asks for
them looks at :func:`in_part` first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from qa.callfacts import NAMES
from qa.levels import FLOOR_DBOV
from qa.types import Call, ChannelAcoustics, Float32Array, Role, Span, SpeakerSound

ACTIVE_DB = 20.0
"""Frames so far below the loudest of the speech are pauses (P.56 leaves out what is 15.9 dB below its level)."""
LEAST_MS = 1000
"""What is left of a voice for less than this has no level of its own."""
NOISE_MS = 1000
"""So much without speech, tones and music is needed to say how loud the noise is."""

_Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]


def in_part(call: Call, role: Role) -> str | None:
    """Says so (Chinese) if only a part of what is heard under the label of the one speaker in ``role`` is that speaker's."""
    name, stretches = NAMES[role], call.roles.stretches
    labels = {call.speaker(role), *(one.speaker for one in stretches if one.role is role)}
    cut = any(one.speaker in labels and one.role is not role for one in stretches)
    return f"{name}名下有一段是别人的声音，只量过整段，不能单算{name}的" if cut else None


def level_moved(sound: ChannelAcoustics, whole: Sequence[Span], left: Sequence[Span]) -> ChannelAcoustics:
    """A channel's levels over the speech in ``left``, a part of that in ``whole``: moved by as much as the frames of the two differ."""
    before, after = frames(sound, whole), frames(sound, left)
    active = _moved(sound.active_level_dbov, sound.level_dbov, before, after)
    old = sound.active_level_dbov
    snr = None if active is None or old is None or sound.snr_db is None else sound.snr_db + active - old
    return replace(sound, active_level_dbov=active, snr_db=snr)


def clipped_at_most(sound: ChannelAcoustics, whole: Sequence[Span], left: Sequence[Span]) -> ChannelAcoustics:
    """A channel with the largest share of clipped samples that the speech in ``left`` can have."""
    return replace(sound, clipped_ratio=_most(sound.clipped_ratio, frames(sound, whole), frames(sound, left)))


def sound_moved(sound: SpeakerSound, track: ChannelAcoustics, whole: Sequence[Span], left: Sequence[Span]) -> SpeakerSound:
    """The same for a speaker of a recording of one channel (its ``track``), over the time in which nobody else speaks; without a level
    where too little is left (``LEAST_MS``)."""
    before, after = frames(track, whole), frames(track, left)
    enough = sum(span.duration_ms for span in left) >= LEAST_MS
    level = _moved(sound.active_level_dbov, track.level_dbov, before, after) if enough else None
    activity = round(sound.activity_factor * int(after.sum()) / max(1, int(before.sum())), 4)
    return replace(sound, active_level_dbov=level, activity_factor=activity, clipped_ratio=_most(sound.clipped_ratio, before, after))


def sounds_joined(sounds: Sequence[SpeakerSound]) -> SpeakerSound:
    """The figures of one speaker who was taken for several voices (at least one): each counts for as long as it spoke."""
    if len(sounds) == 1:
        return sounds[0]
    spoke = [(s.activity_factor, s) for s in sounds]
    whole = sum(activity for activity, _ in spoke) or 1.0
    loud = [(activity, 10.0 ** (s.active_level_dbov / 10)) for activity, s in spoke if s.active_level_dbov is not None]
    power, active = sum(activity * power for activity, power in loud), sum(activity for activity, _ in loud)
    return SpeakerSound(
        sounds[0].speaker,
        round(10 * math.log10(power / active), 2) if power and active else None,
        round(min(1.0, whole), 4),
        max(s.peak_dbov for s in sounds),
        sum(activity * s.clipped_ratio for activity, s in spoke) / whole,
    )


def noise_moved(sound: ChannelAcoustics, busy: Iterable[Span]) -> ChannelAcoustics:
    """A channel with its noise as it is outside of ``busy``; as it was where too little is left to tell."""
    quiet = sound.level_dbov[~frames(sound, busy)]
    sounding = quiet[quiet > FLOOR_DBOV]
    if len(sounding) * sound.frame_ms < NOISE_MS:
        return sound
    noise = round(float(np.median(sounding)), 2)
    snr = None if sound.active_level_dbov is None else round(sound.active_level_dbov - noise, 2)
    return replace(sound, noise_floor_dbov=noise, snr_db=snr)


def frames(sound: ChannelAcoustics, spans: Iterable[Span]) -> _Mask:
    """Which frames of the tracks lie in ``spans``."""
    mask = np.zeros(len(sound.level_dbov), np.bool_)
    for span in spans:
        mask[span.start_ms // sound.frame_ms : -(-span.end_ms // sound.frame_ms)] = True
    return mask


def _moved(level: float | None, track: Float32Array, whole: _Mask, left: _Mask) -> float | None:
    """A level (dBov) by as much as the active frames of the part differ from those of the whole; None where there are none."""
    before, after = (_active_db(track[mask]) for mask in (whole, left))
    return None if level is None or before is None or after is None else round(level + after - before, 2)


def _active_db(levels: Float32Array) -> float | None:
    """Mean power of the frames that are no pauses, in dBov; None where there are none."""
    if not len(levels):
        return None
    active = levels[levels >= float(np.percentile(levels, 95)) - ACTIVE_DB].astype(np.float64)
    return float(10 * np.log10(np.mean(10.0 ** (active / 10))))


def _most(ratio: float, whole: _Mask, left: _Mask) -> float:
    """The largest share (0-1) that something of which the whole holds ``ratio`` can have in a part."""
    return min(1.0, ratio * int(whole.sum()) / max(1, int(left.sum())))
