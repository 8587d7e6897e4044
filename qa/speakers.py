"""Who speaks when: in stereo the channel is the speaker; the voices of one channel are told apart by an engine (``qa.diarization``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from qa import acoustics, blocks
from qa.diarization.protocol import Diarizer
from qa.types import Acoustics, Audio, AudioInfo, SpeakerTurn, SpeakerTurns, SpeechActivity

MONO = "mono"
MONO_NOTE, SAME_NOTE = "单声道录音, 未区分说话人", "两个声道内容相同(假立体声), 按单声道处理"
DIARIZED_NOTE = "单声道录音，说话人由声音区分（{}）：谁说了什么不如双声道可靠"
NO_VOICES_NOTE = "单声道录音里没有分辨出任何说话人"


def speaker_of_channel(channel: int) -> str:
    """Speaker label of a channel of a true stereo recording."""
    return f"ch{channel}"


def speakers(audio: Audio, activity: SpeechActivity, same_channels: bool) -> SpeakerTurns:
    """Speaker turns of a recording by its channels alone.

    ``same_channels`` (from the acoustics) marks a stereo file that holds one mono mix twice: it is treated as mono, and
    a note says so.  Mono turns carry the one label ``mono``: nothing may be concluded about a person from it.
    """
    return by_channel(audio.info, activity, same_channels)


def by_channel(info: AudioInfo, activity: SpeechActivity, same_channels: bool) -> SpeakerTurns:
    """As :func:`speakers`; no sample is needed for it."""
    if info.channels == 2 and not same_channels:
        turns = [SpeakerTurn(speaker_of_channel(c), c, span) for c, spans in enumerate(activity.channels) for span in spans]
        return SpeakerTurns("channel", tuple(sorted(turns, key=lambda t: (t.span, t.channel))))
    notes = (SAME_NOTE,) if same_channels else (MONO_NOTE,)
    return SpeakerTurns("none", tuple(SpeakerTurn(MONO, 0, span) for span in activity.channels[0]), notes)


def diarized(
    turns: SpeakerTurns, audio: Callable[[], Audio], activity: SpeechActivity, measured: Acoustics, engine: Callable[[], Diarizer] | None
) -> SpeakerTurns:
    """``turns`` of the channels, those of one channel told apart by the engine, if there is one.

    ``audio`` and ``engine`` are asked for only where they are needed.  Where the engine hears nobody the turns stay whose they were:
    nobody's.
    """
    if turns.method != "none" or engine is None or not turns.turns:
        return turns
    sound, loaded = audio(), engine()
    found = loaded.diarize(blocks.channel(sound, 0), activity.channels[0])
    if not found.turns:
        return replace(turns, notes=(*turns.notes, NO_VOICES_NOTE))
    notes = (*(n for n in turns.notes if n != MONO_NOTE), DIARIZED_NOTE.format(loaded.identity))
    told = SpeakerTurns(loaded.identity, found.turns, notes, found.exclusive, demo=loaded.demo, alike=found.alike)
    return replace(told, sounds=acoustics.of_speakers(sound, told, measured.tones))
