"""Who speaks when: in stereo the channel is the speaker; in mono nobody knows yet (diarisation is a stage of its own)."""

from __future__ import annotations

from qa.types import Audio, SpeakerTurn, SpeakerTurns, SpeechActivity

MONO = "mono"


def speaker_of_channel(channel: int) -> str:
    """Speaker label of a channel of a true stereo recording."""
    return f"ch{channel}"


def speakers(audio: Audio, activity: SpeechActivity, same_channels: bool) -> SpeakerTurns:
    """Speaker turns of a recording.

    ``same_channels`` (from the acoustics) marks a stereo file that holds one mono mix twice: it is treated as mono, and
    a note says so.  Mono turns carry the one label ``mono``: nothing may be concluded about a person from it.
    """
    if audio.info.channels == 2 and not same_channels:
        turns = [
            SpeakerTurn(speaker_of_channel(c), c, span) for c, spans in enumerate(activity.channels) for span in spans
        ]
        return SpeakerTurns("channel", tuple(sorted(turns, key=lambda t: (t.span, t.channel))))
    notes = ("两个声道内容相同(假立体声), 按单声道处理",) if same_channels else ("单声道录音, 未区分说话人",)
    return SpeakerTurns("none", tuple(SpeakerTurn(MONO, 0, span) for span in activity.channels[0]), notes)
