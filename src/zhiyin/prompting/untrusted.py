"""How text of others goes into a prompt: cleaned, masked and cut by `fence`, or held back where `suspicious` finds orders to a machine in it."""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata

FENCE = ("⟦", "⟧")  # put around by the prompt file; never inside
_ELLIPSIS = "…"
_ROOM = 8  # as many times the limit is looked at: nested tokens cost a pass each

_ROLES = r"system|assistant|user|human|developer|tool|系统|助手|助理|用户"
_TOKENS = re.compile(
    r"<\|[^<>|]{0,40}\|>|<+\s?\|+|\|+\s?>+"  # <|im_start|> and halves of it
    r"|<{1,2}\s*[/\\]?\s*(?:s|sys|bos|eos|pad|unk|sop|think|thinking|tool_calls?|tool_response|tool_result|function_calls?|start_of_turn|end_of_turn|reserved_\d+"
    rf"|(?:{_ROLES})(?:[ _]mode)?|item|catalog)\s*>{{1,2}}"
    r"|\[\s*/?\s*(?:inst|sys|system|tool_calls|tool_results|available_tools|gmask|mask|cls|sep|pad|unk)\s*\]"
    rf"|#{{2,}}\s*(?:{_ROLES}|instructions?|response|input)\b\s*[:：]?",
    re.IGNORECASE,
)
_KEPT = re.compile(r"([，。；：！？（）、…])")  # of Chinese writing; the half-width forms are another language's
_ROLE = re.compile(rf"(?:^[\s#>*_\-\[(\"'（]*(?:{_ROLES})[\])*_\"'）]*\s*[:：])+", re.IGNORECASE | re.MULTILINE)

_MASKS = (
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+"), "[email]"),
    (
        re.compile(
            r"\+\d(?:[\s().-]{0,2}\d){6,}"  # +44 20 7946 0958
            r"|(?<!\d)1[3-9]\d[\s-]?\d{4}[\s-]?\d{4}(?!\d)"  # a mobile in China
            r"|\(\d{3}\)\s?\d{3}[\s.-]\d{4}(?!\d)|(?<!\d)\d{3}[-.]\d{3}[-.]\d{4}(?!\d)"
            r"|\(?(?<!\d)0\d{2,3}\)?[\s-]?\d{3,4}[\s-]?\d{4}(?!\d)"
        ),
        "[phone]",
    ),
    (
        re.compile(
            r"(?<!\d)[3-6]\d{3}([ -])\d{4}\1\d{4}\1\d{4}(?!\d)"  # a card
            r"|(?<!\d)\d(?:[ .-]\d(?!\d)){6,}"  # 1-3-8-0-0-1-3
            r"|(?<![\d¥$€£])\d{7,9}(?!\d)(?!\s*(?:元|块|美元|yuan|rmb|usd|dollars|mah|毫安))|(?<![\d¥$€£])\d{10,}[Xx]?"
            r"|[零〇一二三四五六七八九幺]{7,}"
        ),
        "[number]",
    ),
)


def fence(text: str, limit: int) -> str:
    """The text as one harmless line of at most `limit` characters: no control characters, fence marks, chat-template tokens, addresses or long numbers. Fencing twice changes nothing."""
    text = text[: _ROOM * max(limit, 64)]
    while True:
        cleaned = _cut(_masked(_cleaned(text)), limit)
        if cleaned == text:
            return text
        text = cleaned


def _cleaned(text: str) -> str:
    text = _visible(text, _KEPT)
    text = _ROLE.sub(" ", _TOKENS.sub(" ", text))
    return " ".join(text.split())


def _visible(text: str, kept: re.Pattern[str] = re.compile(f"({_ELLIPSIS})")) -> str:
    """NFKC, with some signs left as they are, what cannot be seen dropped and fence marks too."""
    normal = "".join(part if kept.fullmatch(part) else unicodedata.normalize("NFKC", part) for part in kept.split(text))
    return "".join(_seen(c) for c in normal)


def _seen(c: str) -> str:
    if c.isspace():
        return c
    if c in FENCE or c == "\u2800":
        return " "
    if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn"} or c in "\u034f\u115f\u1160" or "\ufe00" <= c <= "\ufe0f" or "\U000e0100" <= c <= "\U000e01ef":
        return ""
    return c


def _masked(text: str) -> str:
    for pattern, name in _MASKS:
        text = pattern.sub(name, text)
    return text


def _cut(text: str, limit: int) -> str:
    """At most `limit` characters, cut between words where a space or a Chinese character is near."""
    if len(text) <= limit:
        return text
    if limit < 1:
        return ""
    head = text[: limit - 1]
    if text[limit - 1 : limit].isascii() and not text[limit - 1].isspace():
        back = re.search(r"[!-~]*\Z", head)
        start = back.start() if back else len(head)
        head = head[:start] if start >= limit // 2 else head
    return head.rstrip() + _ELLIPSIS


# --- orders to a machine -----------------------------------------------------------------------------------------

_LOOK_ALIKES = str.maketrans("аеорсухіјѕԁһԛԝѵӏАВЕКМНОРСТХІЈЅοανρ", "aeopcyxijsdhqwvlABEKMHOPCTXIJSoavp")
_SIGNS = (
    # away with what you were told
    r"\b(?:ignore|disregard|forget|overlook|override|bypass|skip)\b.{0,40}\b(?:instructions?|prompts?|directives?|guidelines|guardrails|previous|prior|above|(?:you|you've|have) been (?:told|instructed)|the (?:webpage|resume|function|paper|article|table|email))\b",
    r"(?:忽略|无视|忘记|忘掉|绕过|不要理会|無視|忽视).{0,12}(?:指令|指示|规则|提示|设定|说明|以上|以前|之前|简历|网页)|無視して",
    r"\b(?:ignore[zs]?|ignora|ignoriere)\b.{0,30}\b(?:instru\w+|fonction|página|pagina|anweisung\w*)|تجاهل التعليمات",
    # who speaks
    r"\bsystem[ _]?prompt|系统提示|系统指令|\bsystem_?\s?mode\b|security override|\byou are now\b|\bdeveloper mode\b|开发者模式|\bjailbreak|越狱模式|do anything now|\bnew instructions?\s*:",
    r"\b(?:human|assistant)\s*:.{0,200}\b(?:assistant|human)\s*:|【(?:平台|系统|官方|管理员)[^】]{0,6}(?:通知|公告|指令|提示)】",
    # hidden, breaking out, executable
    r"<\s?!\s?--|--\s?>|\[//\]\s?:\s?#|\}\s?\}\s?\]|\"instructions?\"\s?:|<\s*/?\s*script|<\s*(?:iframe|svg|object|embed)\b|\bon(?:error|load|click|mouse\w+)\s*=|javascript:|data:text/html|window\.onerror|\balert\(|<\s*img[^>]{0,80}src|&lt;\s*(?:a|script|img)\b|href\s*=\s*[\\\"']*data:",
    r"\bdrop\s+table\b|\bunion\s+select\b|\binsert\s+into\b.{0,80}\bvalues\b|'\s*or\s+1\s*=\s*1|\bselect\s+case\s+when\b|'\s*;\s*\w+\s*--|\bsleep\(\d",
    r"!\[[^\]]{0,80}\]\s?\(|https?://\S{1,200}\?\S{0,80}=",
    r"\b(?:decode|decrypt)\b.{0,20}\b(?:and|then)\b.{0,10}\b(?:run|execute|follow|obey)\b|解码并(?:执行|运行|遵守)",
    # orders to a recommender
    r"\b(?:always|must|only) (?:rank|recommend|place|put|list)\b|\bnever recommend\b|\brecommend\b.{1,60}\bnot (?:in|on) the list\b|\brank (?:this|item)\b.{0,30}\bfirst\b|\btell (?:the |every |all )?(?:user|customer|shopper)s?\b",
    r"(?:必须|务必|一定要)把.{1,40}(?:排在|放在|列为)|不要推荐|请推荐.{1,40}(?:不在列表|列表里没有)|(?:告诉|告知)(?:用户|顾客|客户)|加微信|在回答(?:里|中)",
    r"\b(?:print|reveal|repeat|output|show|leak)\b.{0,24}\b(?:prompt|internal code|secret)\b|(?:输出|显示|打印|泄露).{0,8}(?:提示词|内部代号)",
    r"\blist other users'?|(?:列出|输出)(?:其他|别的|所有)用户|\bsay the price\b|把价格说成|\blegally binding\b|法律约束力|\bcall the \w+ tool\b|调用.{1,16}工具",
    r"\bguaranteed \d+ ?% |保本保息",
    # orders about the answer
    r"\b(?:in|into|to|of|modify|augment|enhance|represent|with|format|write|provide|render|respond|make|for) (?:all )?your (?:entire |whole |final )?(?:answers?|responses?|reply|replies|message|output)\b|\byour (?:answer|response|reply|message)'?s? (?:with|in|using|as|without|to|words)\b|\bprint the following\b|\b(?:answer|respond|reply) (?:only )?(?:in|with|using) (?:\w+ ){0,2}(?:emoji|code|base64|reverse|cipher|french|german|spanish)",
    r"\bignore\b.{0,40}\b(?:and|then) (?:state|say|print|write|output)\b|(?:并|并且)(?:声明|说明|宣称).{0,20}(?:结论|总和)",
)
_ORDERS = re.compile("|".join(_SIGNS), re.IGNORECASE | re.DOTALL)
_HIDDEN = re.compile("[\u202a\u202b\u202d\u202e\u2066-\u2068\U000e0020-\U000e007f]")
_BITS = re.compile(r"(?:\b[01]{8}\b\s*){4,}|(?:\\x[0-9a-f]{2}){4,}", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")


def suspicious(text: str) -> bool:
    """Whether an item's text gives orders to a machine, or hides something: such a text is not shown to a model at all."""
    if _HIDDEN.search(text):
        return True
    seen = _visible(text).translate(_LOOK_ALIKES)
    return bool(_TOKENS.search(seen) or _ORDERS.search(seen) or _BITS.search(seen)) or any(_encoded(m[0]) for m in _BASE64.finditer(seen))


def _encoded(run: str) -> bool:
    """Whether a run of letters is a text in base64; words of a language decode to no text."""
    bare = run.rstrip("=")
    try:
        decoded = base64.b64decode(bare[: len(bare) // 4 * 4], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    return decoded.replace("\n", " ").isprintable()
