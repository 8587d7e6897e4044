"""Commands about enrolled voices of agents: with consent only, listed, and deleted for good."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qa.cli_common import DB_DEFAULT, Db, Json, QaGroup, out, print_json, table
from qa.cli_logged import changed
from qa.clock import house_day
from qa.errors import AudioError, ModelError

if TYPE_CHECKING:
    from qa.diarization import LocatedDiarizer
    from qa.types import Audio

voiceprint_app = typer.Typer(
    cls=QaGroup, no_args_is_help=True, help="坐席声纹（敏感个人信息，默认不用）：经本人同意登记、查看、彻底删除（voice prints）"
)
MOST_MS = 120_000
By = Annotated[str, typer.Option("--by", help="由谁办理（姓名），记入数据库", metavar="NAME")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(voiceprint_app, name="voiceprint")


@voiceprint_app.command("enrol")
def enrol(
    agent: Annotated[str, typer.Argument(help="坐席工号", metavar="AGENT")],
    file: Annotated[Path, typer.Argument(help="只有这位坐席说话的单声道录音，或双声道录音（须加 --channel）", metavar="FILE")],
    by: By,
    consent: Annotated[str, typer.Option("--consent", help="本人何时、如何同意，记入数据库", metavar="TEXT")],
    channel: Annotated[int | None, typer.Option("--channel", min=1, max=2, help="坐席在第几个声道；双声道录音必须写明")] = None,
    diarization: Annotated[str, typer.Option("--diarization", help="用哪个引擎的声纹模型")] = "auto",
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """登记一位坐席的声纹：只作为辨认坐席的一项依据；听得出不止一个人的录音不收，听不出的要靠办理人核对（enrol a voice, with consent）。"""
    from qa import activity, decode, voice_engine, voiceprints
    from qa import diarization as engines
    from qa.store import Store

    located = _located(diarization)
    audio = decode.decode(file)
    index = _index(audio, file, channel)
    spans = activity.detect(audio).channels[index]
    embedder = voice_engine.EngineEmbedder(engines.load(located))
    heard = 1 if audio.info.channels > 1 else embedder.speakers(audio, index, spans)
    if heard > 1:
        cure = "请用只有这位坐席说话的录音，或双声道录音加 --channel：别人（尤其是客户）的声音不得登记"
        raise AudioError(str(file), f"听得出 {heard} 个人的声音", cure)
    samples = voice_engine.speech(audio, index, spans, MOST_MS)
    with Store(db) as store:
        changed(store, by, "voiceprint.enrol", "agent", agent)  # before it: what was there is scrubbed outside of any transaction
        made = voiceprints.enrol(store.db, agent, embedder, samples, by, consent)
    if as_json:
        print_json(made)
        return
    text = f"已登记坐席 {made.agent_id} 的声纹（{made.seconds:g} 秒话音，{made.model}）；删除请用 qa voiceprint forget {made.agent_id}"
    out().print(text, markup=False, soft_wrap=True)


def _located(choice: str) -> LocatedDiarizer:
    """The engine with its model; where ``auto`` finds none, why it does not."""
    from qa import diarization as engines

    found = engines.locate(choice) or (engines.locate("pyannote") if choice == engines.AUTO else None)
    if found is None:
        raise ModelError(f"--diarization {choice}", "不区分说话人就没有声纹模型", "请去掉这个选项，或指定一个引擎")
    return found


def _index(audio: Audio, file: Path, channel: int | None) -> int:
    if channel is None and audio.info.channels > 1:
        raise AudioError(str(file), "双声道录音，没有说坐席在哪个声道", "请加 --channel 1 或 --channel 2")
    if (channel or 1) > audio.info.channels:
        raise AudioError(str(file), f"没有第 {channel} 声道", f"录音有 {audio.info.channels} 个声道")
    return (channel or 1) - 1


@voiceprint_app.command("list")
def list_(db: Db = DB_DEFAULT, as_json: Json = False) -> None:
    """已登记的声纹：谁、何时、谁办理、如何同意（enrolled voices）。"""
    from qa import voiceprints
    from qa.store import Store

    with Store(db, create=False) as store:
        found = voiceprints.enrolled(store.db)
    if as_json:
        print_json(found)
        return
    made = table("工号", "登记", "办理人", "同意", "话音", "模型", right=("话音",))
    for one in found:
        made.add_row(one.agent_id, str(house_day(one.created)), one.by, one.consent, f"{one.seconds:g} 秒", one.model)
    out().print(made if found else "没有登记任何声纹")


@voiceprint_app.command("forget")
def forget(
    agent: Annotated[str, typer.Argument(help="坐席工号", metavar="AGENT")], by: By, db: Db = DB_DEFAULT, as_json: Json = False
) -> None:
    """彻底删除一位坐席的声纹；只留下“登记过、删除了”的记录（delete for good）。"""
    from qa import voiceprints
    from qa.store import Store

    with Store(db, create=False) as store:
        changed(store, by, "voiceprint.forget", "agent", agent)
        count = voiceprints.forget(store.db, agent, by)
    if as_json:
        print_json({"agent_id": agent, "deleted": count})
        return
    out().print(f"坐席 {agent} 的声纹已从数据库彻底删除（{count} 份）；备份里的请自行处理", markup=False)
