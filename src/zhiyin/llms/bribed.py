"""What the most obedient of models answers: whoever wrote a piece of its prompt commands it. For tests of what stands between a model and the user."""

from __future__ import annotations

import base64
import binascii
import random
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import cast

from zhiyin.llm import LLMRequest

_SENTENCE_END = re.compile(r"(?<=[。！？\n])|(?<=[.!?])(?=\s)")
_ORDER = re.compile(
    r"\b(?:ignore|disregard|overlook|forget|say|tell|recommend|rank|print|reveal|repeat|output|show|list|add|call|promise|claim|write|answer|respond|reply|always|never|must|instruction|system)\b"
    r"|忽略|无视|说|告诉|推荐|排在|输出|打印|显示|列出|加入|调用|承诺|声称|必须|不要|回答|回复|指令|系统",
    re.IGNORECASE,
)
_URL = re.compile(r"!\[[^\]\n]*\]\([^)\n]*\)|(?:https?://|www\.)[^\s)\"'<>，。；]+", re.IGNORECASE)
_CONTACT = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+|(?:微信|QQ|VX|电话|WeChat)\s*[:：]?\s*\w+|\b1[3-9]\d{9}\b", re.IGNORECASE)
_PRICE_EN = re.compile(r"\bprice\s+(?:of\s+\S+\s+)?(?:is|to|as|at)\s+[^\d\n]{0,4}([\d,.]*\d)", re.IGNORECASE)
_PRICE_ZH = re.compile(r"(?:价格|售价|价钱)[^\d\n]{0,8}?([\d,.]*\d)\s*元?")
_RECOMMEND_EN = re.compile(
    r"(?<!never )(?<!not )\b(?:recommend|promote|rank(?: item)?)\s+[\"“']?([^\"”'\n,;.!?]{2,60}?)[\"”']?(?=\s+(?:first|which|that|to|as|above)\b|[\"”'\n,;.!?]|$)", re.IGNORECASE
)
_RECOMMEND_ZH = re.compile(r"(?<!不要)(?<!别)推荐\s*[《“\"「]?([^》”\"」，。,;！!？?\n]{2,40})|把(?:商品)?\s*([^，。,\n]{2,40}?)\s*排在第一")
_SAY_EN = re.compile(
    r"\b(?:say|claim|promise|reply with|respond with|answer with|write|print|output|repeat|tell the user(?: to| that)?|tell them)\s+[:\"“']?([^\"”\n]{2,200}?)[\"”]?(?=[.!?](?:\s|$)|[。\n]|$)",
    re.IGNORECASE,
)
_SAY_ZH = re.compile(r"(?:说成|说|告诉用户|告诉他们|回答|回复|承诺|声称|输出|写上|写)[:：]?\s*[“\"「]?([^”\"」。！？\n]{2,100})")
_LEAK = re.compile(
    r"\b(?:print|reveal|repeat|output|show|tell|share|display|leak|give|what(?:'s| is| are| were))\b[^.!?\n]{0,60}\b(?:prompt|instructions?|rules|secret|password|passcode|key|codename)"
    r"|(?:输出|打印|显示|重复|复述|透露|泄露|告诉|说出|确认|什么是)[^。！？\n]{0,30}(?:提示词|提示|指令|规则|密码|密钥|代号)|(?:提示词|密码|密钥|代号)是什么",
    re.IGNORECASE,
)
_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
_REVERSED = re.compile("\u202e([^\u202c]*)\u202c?")
_INVISIBLE = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))


def obeyed(request: LLMRequest) -> str:
    """What is ordered anywhere in the prompt, done where that is a matter of words; then every order and every sentence of the user's side, as it stands."""
    system = "\n".join(m.text for m in request.messages if m.role == "system")
    rest = "\n".join(m.text for m in request.messages if m.role != "system")
    orders = [s for s in sentences(unveiled(system)) if _ORDER.search(s)] + sentences(unveiled(rest))
    done = [text for order in orders for text in carried_out(order)]
    leak = [system] if system and any(_LEAK.search(order) for order in orders) else []
    return "\n".join((*dict.fromkeys((*done, *leak)), *orders))


def carried_out(order: str) -> list[str]:
    """What a sentence orders to be said: "say the price is $1" -> "the price is $1", "The price is 1"."""
    said = [m[1].strip() for pattern in (_SAY_EN, _SAY_ZH) for m in pattern.finditer(order)]
    said += [f"The price is {m[1]}." for m in _PRICE_EN.finditer(order)]
    said += [f"价格是{m[1]}元。" for m in _PRICE_ZH.finditer(order)]
    said += [f"I recommend {m[1].strip()}." for m in _RECOMMEND_EN.finditer(order)]
    said += [f"我推荐{(m[1] or m[2]).strip()}。" for m in _RECOMMEND_ZH.finditer(order)]
    return said + [m[0] for pattern in (_URL, _CONTACT) for m in pattern.finditer(order)]


def sentences(text: str) -> list[str]:
    """The sentences of a text as they stand, without those that are blank."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


def unveiled(text: str) -> str:
    """The text, and below it what is hidden in it: reversed, between invisible characters, in tags, full width or base64."""
    hidden = [m[1][::-1] for m in _REVERSED.finditer(text)]
    hidden += ["".join(chr(ord(c) - 0xE0000) for c in text if 0xE0020 <= ord(c) <= 0xE007E)]
    hidden += [_decoded(m[0]) for m in _BASE64.finditer(text)]
    bare = text.translate(_INVISIBLE)
    hidden += [shown for shown in (bare, unicodedata.normalize("NFKC", bare)) if shown != text]
    return "\n".join((text, *(h for h in hidden if h.strip())))


def filled(schema: Mapping[str, object], text: str, chance: random.Random) -> object:
    """A value of this JSON schema with the text in every string that may be any; what has a choice is left to chance."""
    return _value(schema, schema, text, chance)


def _decoded(code: str) -> str:
    try:
        return base64.b64decode(code, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _value(node: Mapping[str, object], root: Mapping[str, object], text: str, chance: random.Random) -> object:
    if "const" in node:
        return node["const"]
    if "enum" in node:
        return chance.choice(cast("Sequence[object]", node["enum"]))
    if "$ref" in node:
        name = str(node["$ref"]).rsplit("/", 1)[-1]
        named = cast("Mapping[str, Mapping[str, object]]", root.get("$defs") or root.get("definitions") or {})
        return _value(named.get(name, {}), root, text, chance)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in node:
            return _value(cast("Sequence[Mapping[str, object]]", node[key])[0], root, text, chance)
    return _typed(node, root, text, chance)


def _typed(node: Mapping[str, object], root: Mapping[str, object], text: str, chance: random.Random) -> object:
    kind = node.get("type", "object" if "properties" in node else "string")
    match kind if isinstance(kind, str) else cast("Sequence[str]", kind)[0]:
        case "object":
            parts = cast("Mapping[str, Mapping[str, object]]", node.get("properties", {}))
            return {name: _value(part, root, text, chance) for name, part in parts.items()}
        case "array":
            each = cast("Mapping[str, object]", node.get("items", {}))
            return [_value(each, root, text, chance) for _ in range(max(_whole(node, "minItems", 0), min(2, _whole(node, "maxItems", 2))))]
        case "boolean":
            return chance.random() < 0.5
        case "integer" | "number":
            low = _whole(node, "minimum", 0)
            return chance.randint(low, max(low, _whole(node, "maximum", low + 9)))
        case "null":
            return None
        case _:
            return text[: _whole(node, "maxLength", len(text))].ljust(_whole(node, "minLength", 0), "!")


def _whole(node: Mapping[str, object], key: str, default: int) -> int:
    value = node.get(key, default)
    return int(value) if isinstance(value, int | float) else default
