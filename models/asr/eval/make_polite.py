"""Write polite.txt: 1,000 different polite agent turns from polite.toml, none with a banned phrase.

    python models/asr/eval/make_polite.py

The evaluation counts banned phrases that the model invents in them, so each must be clean.
"""

from __future__ import annotations

import random
import re
import tomllib
from itertools import cycle
from pathlib import Path

HERE = Path(__file__).parent
COUNT = 1000
# Wider than the rule book's list: no turn may hold any of these as written.
BANNED = (
    "不知道",
    "不清楚",
    "跟我没关系",
    "与我没关系",
    "与我无关",
    "跟我无关",
    "关我什么事",
    "关我屁事",
    "不关我",
    "你烦不烦",
    "烦死",
    "真烦",
    "有完没完",
    "没完没了",
    "闭嘴",
    "废话",
    "少废话",
    "滚出去",
    "滚蛋",
    "神经病",
    "有病吧",
    "你有病",
    "傻",
    "白痴",
    "笨蛋",
    "蠢",
    "混蛋",
    "妈的",
    "他妈",
    "急什么",
    "催什么",
    "喊什么",
    "吵什么",
    "嚷什么",
    "不归我管",
    "不是我管",
    "管不了",
    "没办法",
    "随便你",
    "爱办不办",
    "爱找谁找谁",
    "你去投诉",
    "投诉去吧",
    "投诉也没用",
    "自己看",
    "自己不会",
    "听不懂",
    "不是说过了",
    "说了多少遍",
    "没空",
    "下班了",
    "你问我",
    "我问谁",
    "少来",
    "讨厌",
    "无理取闹",
    "不可能",
    "没看见我",
    "不想听",
    "别啰嗦",
    "烦人",
    "你耳朵",
    "有意见",
    "规定就是",
    "不行就",
    "找领导去",
    "懒得",
    "我哪知道",
    "挂了啊",
    "不耐烦",
    "你聋",
)


def turns(seed: int = 1, count: int = COUNT) -> list[str]:
    """``count`` different turns; templates are taken in turn, so each writes at most a few."""
    table = tomllib.loads((HERE / "polite.toml").read_text("utf-8"))
    rng, slots, found = random.Random(seed), table["slots"], {}
    spent: set[str] = set()
    for template in cycle(table["templates"]):
        if template in spent:
            continue
        for _ in range(20):
            text = re.sub(r"\{(\w+)\}", lambda m: rng.choice(slots[m[1]]), template)
            if text not in found and 6 <= len(re.findall(r"[\u4e00-\u9fff]", text)) <= 30:
                break
        else:
            spent.add(template)
            continue
        banned = next((b for b in BANNED if b in text), None)
        if banned:
            raise ValueError(f"{text} holds {banned}")
        found[text] = template
        if "{" not in template:
            spent.add(template)
        if len(found) == count:
            return list(found)
    raise AssertionError("unreachable")


if __name__ == "__main__":
    (HERE / "polite.txt").write_text("\n".join(turns()) + "\n", "utf-8")
