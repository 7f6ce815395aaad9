"""The small words that steer a conversation in either language, as patterns over plain text. No domain word stands here."""

from __future__ import annotations

import re

from zhiyin.types import Opinion, Signal


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns))


# --- polarity ---
NOT_NEGATION = _words(
    r"\bno (?:more|less|fewer|longer|later|older|higher|lower|bigger|shorter) than\b", r"\bnot (?:more|less|only|sure|bad|over|under|above|below|exceeding|too bad)\b", r"\bno (?:idea|problem|matter|worries|way)\b",
    r"\bwhy not\b", r"\bcan'?t wait\b", r"\bdon'?t (?:know|mind|care)\b", r"\bnothing (?:special|much|in particular|specific|over|above|more than|beyond)\b", r"\bif not\b", r"\bno (?:preference|limit)\b", r"\bhaven'?t (?:seen|watched|decided)\b",
    r"\bnot (?:seen|watched)\b", r"\bdo(?:es)?n'?t matter\b", r"\bnot (?:necessarily|just)\b", r"\bno need\b",
    r"不错|不贵|不太贵|不重|不卡|不得不|不过|不仅|不但|不只|不光|不管|不论|差不多|要不|不好意思|不知道|不超过|不要超过|别超过|不能超过|不高于|不低于|不多于|不少于|不大于|不小于|不到|不足|不长于|不晚于|不早于|不短于",
    r"不费脑|不用动脑|不烧脑|不沉重|有没有|好不好|不要求|(?<!但)(?<!可)是不是|能不能|可不可以|要不要|行不行|会不会|没关系|没问题|不限|没看过|还没|不一定|不要求|不客气|不用谢|不好看|别高于|不要高于|不要太|别太|不太|不怎么|不同|不一样|别的|特别|分别|类别|级别|告别|性别|个别|差别|区别",
)  # fmt: skip
NEGATION = _words(
    r"\b(?:no|not|without|except(?: for)?|excluding|exclude|anything but|everything but|other than|apart from|aside from|besides|don'?t|do not|doesn'?t|isn'?t|aren'?t|hate|hates|hated|dislike|avoid|never|nothing(?! phone)|nor|neither|"
    r"skip (?:the|any|all)|minus|can'?t stand|cannot stand|sick of|tired of|enough of|not (?:into|a fan of)|none of|rather not|less of|drop the|lose the|ditch the|instead of|rather than|anything except)\b",
    r"不想要|不想看|不想|不要|不喜欢|不爱看|不爱|不看|不需要|不能是|不能有|不能|不考虑|不接受|不含|不带|不是|不含有|不买|别给我|别推荐|别要|别来|别|排除|讨厌|除了|除开|除去|避开|避免|去掉|拒绝|受不了|看腻了|非(?![常洲])|没有|不",
)  # fmt: skip
UNLESS = re.compile(r"(?:\bunless\b|除非)[^,，。.;；!?！？]*")
CRISIS = re.compile(r"\b(?:kill myself|suicide|suicidal|end my life|want to die|hurt myself|self[- ]harm)\b|自杀|不想活|轻生|想死(?!了?我|你)|自残|结束生命")
PERMIT_TOO = re.compile(
    r"\s*(?:movies?|films?|phones?|ones?)?\s*(?:(?:is|are|would be)\s+(?:also|too)\b|(?:is|are) (?:fine|ok|okay|good) (?:too|as well)|too is fine|(?:片|的|类)?也(?:行|可以|能接受|没问题|OK|ok))"
)
NOT_TOO = re.compile(
    r"(?:\b(?:not|nothing|isn't|never|without being) (?:too|so|very|that|overly|all that) |(?:不要|别|不想|不能|不)(?:那么|这么|太过|过于|太|很)|(?:不要|别)特别)(?:的)?"
)
NEGATED_AFTER = re.compile(
    r"\s*(?:的|类|片|手机|电影|那种|这种)*\s*(?:就|都|全|也|一律|通通)?(?:不要|算了|除外|不行|不考虑|免了|不喜欢|别来|看腻了|不看|跳过|不想看|不想要|太多了|excluded|are out|is out)"
)
SCOPE_END = re.compile(
    r"[.;!?。！？；\n]|除非|\b(?:unless|but|however|just|only|rather|instead|i want|i'd like|i would like|i like|i love|i need|i'm looking|give me|show me|recommend|something|prefer|looking for|make it|maybe|please|let's)\b|"
    r"但是|但|而是|(?<!不)(?<!别)要(?!么)|想要|想看|给我|来点|来个|来部|换成|最好|只要|就要|我要|推荐|希望|喜欢|其他|其它|别的|都行|都可以|都好|以外|之外|都能接受"
)
BESIDES = re.compile(r"除了[^,，。]{1,20}[,，]?\s*(?:还|也)(?:要|想|有|喜欢)")
OR = re.compile(r"\s*(?:,\s*)?(?:或者是|或者|或是|或|还是|要么|、|/|\bor\b|\bor maybe\b)\s*(?:要么)?(?:an?\s+|the\s+|some\s+)?")

# --- strength and change ---
SOFT = _words(
    r"\b(?:ideally|preferably|prefer|prefer(?:red|ably)|if possible|maybe|perhaps|would be nice|a bonus|hopefully|nice to have)\b",
    r"最好|尽量|如果可以|可以的话|优先|偏好|偏向|倾向|有的话更好|更佳|加分",
)
REPLACE = _words(
    r"\b(?:actually|instead|make it|make that|change (?:it|that) to|switch to|changed my mind|on second thought|rather|let'?s (?:do|go with|try))\b",
    r"换成|改成|改为|换为|换个|算了|还是(?!.{0,3}[好吗])|改要|那就|换一?(?:部|款|个)|要不",
)
ADDITIVE = _words(r"\b(?:also|too|as well|in addition|plus|with some|and also|both)\b", r"还要|也要|再加|另外|同时|并且|而且|也可以|也行|加上|还有|顺便")
LIFT = re.compile(
    r"\b(?:any|whatever|whichever)\s+(?P<a>[a-z ]{3,20}?)(?:\s+(?:is|are|will|would|works|goes|does|at all|is fine|be fine|will do|ok|okay|you like|really))|"
    r"\b(?:forget|drop|ignore|remove|never ?mind|scrap|lift|clear|cancel|skip)\s+(?:about\s+)?(?:the\s+|my\s+|that\s+)?(?P<b>[a-z ]{3,24})|"
    r"\b(?P<c>[a-z ]{3,20}?)\s+(?:doesn'?t|does not|don'?t|do not|no longer)\s+matters?|\b(?:don'?t|do not) care (?:about\s+)?(?:the\s+|which\s+|what\s+)?(?P<d>[a-z ]{3,20})|"
    r"\bno\s+(?P<e>[a-z]{3,12})\s+(?:limit|preference|restriction|requirement|constraint)|\b(?P<m>[a-z]{3,12}) no limit|\bno (?:limit|preference|restriction)s? (?:on|for|about) (?:the )?(?P<f>[a-z ]{3,16})|\b(?:doesn'?t|does not) have to be (?P<k>[a-z0-9 -]{2,20})|\bno need for (?P<l>[a-z0-9 -]{2,20})|"
    r"(?P<g>[\u4e00-\u9fff]{1,5}?)(?:都|也)?(?:不限|无所谓|随便|随意|不重要|都行|都可以|没要求|不要求(?![\u4e00-\u9fff])|不限制|没有要求|没限制|都无所谓|不管了|不作要求)|(?:不限|不管|不在乎|不用管|去掉|取消|忽略|不要求|不一定要|不需要|不考虑|别管|放宽|任何)(?P<h>[\u4e00-\u9fff]{2,5}?)(?:都行|都可以|的?限制|了|$|的?条件|也行|的?要求)|什么(?P<n>[\u4e00-\u9fff]{2,5}?)(?:都行|都可以|都好|都成|也行|也可以)|不限(?P<i>[\u4e00-\u9fff]{2,4})|不(?:一定|用|需要)(?:要|非得|非要|是)*(?P<j>[\u4e00-\u9fffa-z0-9]{1,8})(?:的|了|$)"
)

# --- asking for things ---
FIRM = _words(
    r"\b(?:recommend|suggest|i want|i'?d (?:like|love)|i would (?:like|love)|i need|looking for|look for|find me|find|show me|give me|got any|any (?:good|other)|is there|are there|do you have|what (?:should|can|could) (?:i|we)|what (?:else|other)|what are (?:the|some)|"
    r"in the mood for|i feel like|fancy|searching for|search for|get me|pick|help me (?:find|choose|pick)|buy|what (?:movies|films|phones)|which (?:movies|films|phones|ones)|let me see|list|craving|wanna|want to)\b",
    r"推荐|想看|想买|想要|想换|想找|想听|想读|来点|来个|来部|来一?[部款个本台]|来几|有没有|有什么|有哪些|给我|帮我|找(?:一|个|部|款|几|点)|求|要[一个部款台]|看看|选|哪[些款部]|求推荐|安利|买|换手机|换个|有.{0,12}吗",
)
OTHERS = _words(
    r"\b(?:others?|another|more|different|something else|anything else|next|else|fresh|new ones|other ones)\b(?! than| expensive| recent| premium| modern| affordable| battery| storage| compact| about)",
    r"换一?(?:批|组|波|些|拨|几个|几部|几款)|还有(?:别的|其他|吗|没|什么|哪些)|别的|其他的|其它的|再来|再推荐|再给|更多|多来|下一批|不一样的|换换|还有没有|再换",
)
SURPRISE = _words(
    r"\bsurprise me\b|\banything (?:is fine|goes|works|will do)\b|\bwhatever you (?:like|think|want)\b|\byou (?:choose|pick|decide)\b|\bdealer'?s choice\b|\bpick (?:one|something) for me\b|\brandom\b",
    r"随便(?:来|推|给|挑|选|看)|给我个惊喜|惊喜|你定|你来定|你决定|你(?:帮我)?(?:挑|选|看着办)|随机|看着来|听你的|任意",
)
SKIP = re.compile(
    r"\s*(?:skip(?: it| this)?|no preference|don'?t (?:care|mind|know)|i (?:don'?t|do not) (?:care|mind|know)|whatever|any(?:thing)?|anything is fine|doesn'?t matter|not sure|no idea|either|both|all|none|随便|都行|都可以|无所谓|不知道|跳过|没要求|没有要求|不限|随意|都好|没想好|没有|不清楚|不重要|你定)[\s.!。！~啊吧呀了]*$"
)
ALL_SEEN = _words(
    r"\b(?:seen|watched|know|have|owned?|heard of) (?:all|them|both|every)(?: of)?(?: (?:these|those|them))?\b|\balready (?:seen|watched|know|have)\b|\bseen (?:these|those|it|that|this)\b|\bwatched (?:these|those|it|that|this)\b",
    r"(?:都|全)(?:已经)?(?:看过|看完|有了|见过|用过|读过|听过)|看过了|这些.{0,4}看过",
)
SIMILAR = _words(
    r"\b(?:similar|like (?:it|that|this|these|those|them)|more like|same (?:vibe|kind|style|sort|type)|along those lines|in the same vein|alike|of that kind|what else)\b|\b(?:something|anything|movies?|films?|phones?|one|ones|stuff|things?) (?:like|similar|such as)\b|\blike\b(?=\s+(?:the\s+)?(?:first|second|third|last)\b)",
    r"类似|相似|差不多的|一样的|同类|同样|这样的|那样的|这种|那种|像.{1,20}(?:的|一样|那样)|这类|同款|同风格|之类",
)

# --- talking about items ---
COMPARE = _words(
    r"\b(?:compare|comparison|versus|vs\.?|difference|differences|differ|which (?:one|of|is|do)(?:.{0,20})\b(?:better|best|should|cheaper|longer|newer|recommend)|better,? .{1,40} or|side by side)\b",
    r"(?:和|跟|与).{1,16}比(?!较)|对比|比较(?!便宜|贵|好看|新|轻|喜欢|小|大|短|长|适合|老|便|简单|温|轻松)|比一比|比一下|哪[个款部一].{0,6}(?:好|更|强|值|推荐|划算|合适|便宜|大|小|轻|重|长|短|新|高|低|快|贵|耐用|清晰|老|早|晚)|区别|差别|谁更|pk|二选一|怎么选|选哪",
)
EXPLAIN = _words(
    r"\bwhy\b(?! not)|\bhow come\b|\bwhat makes\b|\bwhat(?:'s| is) the reason\b|\breasons? (?:for|behind)\b|\bexplain\b|\bbased on what\b",
    r"为什么|为啥|为何|凭什么|理由|怎么(?:会)?推荐|怎么想到|原因|依据",
)
SERVICE = _words(
    r"\b(?:has|have|had|did)(?: not|n'?t) (?:yet )?(?:arrive|come|receive|get)d?\b.*|\b(?:not|never) (?:yet )?arrived\b|\b(?:i|we)(?: have|'ve)? ordered\b.*\b(?:shop|store|week|days?|yesterday|online)\b",
    r"\b(?:my|the|an?) (?:order|refund|delivery|package|parcel|shipment|invoice|warranty|return)s?\b|\b(?:track|cancel|return|refund) (?:my|an?|the|it)\b|\bcustomer (?:service|support)\b|\bwhere(?:'s| is) my\b|\bshipping (?:status|fee|cost)\b|\btracking number\b|\bspeak to (?:a )?(?:human|agent)\b",
    r"订单|快递|物流|退货|退款|换货|发货|客服|售后|保修|发票|到货|收货|运费|人工服务|单号|退换",
)
GREET = re.compile(
    r"\s*(?:hi|hello|hey|hiya|yo|good (?:morning|afternoon|evening|day)|greetings|howdy|what'?s up|sup|how are you|how'?s it going|nice to meet you|你好|您好|嗨|哈喽|哈啰|早上好|早安|下午好|晚上好|早|在吗|在不在|hello呀|hi呀|喂|大家好|最近怎么样|吃了吗)(?:\s+(?:there|all|everyone|zhiyin|again|buddy|friend))?[\s,.!?~，。！？呀啊哦吖哈知音]*"
)
ABILITY = _words(
    r"\bwhat can you do\b|\bwho are you\b|\bhow (?:do|can) (?:you|i) (?:work|use)\b|\bare you (?:a |an )?(?:bot|robot|ai|human|person|real|machine)\b|\bhelp\b(?=\s*[?.!]*$)|\bwhat'?s your name\b|\bwhat do you do\b",
    r"你(?:会|能|可以)(?:干|做|帮)?(?:什么|啥|嘛)|你是谁|你叫什么|怎么用|你是(?:机器人|人工智能|ai|真人|人)|有什么功能(?=$|[?？])",
)
SMALL_TALK = _words(
    r"\b(?:haha+|hehe+|lol|lmao)\b",
    r"\b(?:tell me a joke|how old are you|i'?m (?:bored|tired|lonely)|nice weather|i love you|you'?re (?:great|funny|awesome|smart|cute|the best|so \w+|very \w+)|haha+|lol|good job|well done|cool|great|awesome|ok(?:ay)?|sure|wow|interesting|really)\b[\s.!?]*$",
    r"\bi(?:'?m| am|'?ve been| feel| felt| was)\s+(?:(?:a bit|a little|so|really|very|just|quite|kind of|pretty|feeling)\s+)*(?:lonely|alone|tired|exhausted|stressed|down|blue|bored|sad|heartbroken|upset|happy today)\b|\b(?:bad|terrible|awful|rough|hard|long|great|good) (?:day|week)\b",
    r"(?:有点|有些|好|很|太|真|特别|挺)(?:孤独|孤单|寂寞|难过|失落|郁闷|沮丧|烦|累|难受|崩溃)|失恋|心情(?:不|很|有点|特别|太)?[好差糟低]|(?:今天|这周|最近)(?:好|真|太)?(?:累|倒霉|糟)",
    r"讲个笑话|天气|哈哈|嘿嘿|呵呵|你真(?:好|棒|聪明|可爱|厉害)|厉害|好的?[吧呀啊]?[\s。！!]*$|嗯+|哦+[\s。！!]*$|我(?:好)?(?:无聊|累)|无聊",
)
THANKS = _words(r"\b(?:thanks?|thank you|thx|cheers|ty|much appreciated)\b", r"谢谢|多谢|感谢|谢啦|谢了|辛苦了|3q")
BYE = _words(
    r"\b(?:bye|goodbye|good bye|see you|see ya|farewell|good night|that'?s (?:all|it|enough)(?: for (?:today|now|me))?|i'?m done|take care|catch you later|gotta go|i'?m leaving|nothing else|no more for today|stop here)\b",
    r"再见|拜拜|拜了|回头见|晚安|下次(?:再)?(?:聊|见|说)|就这样(?:吧|了)?|先这样|不聊了|走了|没(?:别的)?事了|不用了|到这(?:里|儿)吧|结束",
)
UNDO = re.compile(
    r"\s*(?:please\s+)?(?:undo|take (?:that|it) back|go back|revert|cancel (?:that|the last)|never ?mind(?: that)?|撤销|撤回|退回|返回上一步|回到上一步|上一步|当我没说|收回刚才)(?:\s*(?:that|it|please|the last (?:one|change|message|step)))?[\s.!。！吧]*$"
)
RESTART = _words(
    r"\bstart (?:over|again|afresh|from scratch)\b|\breset(?: everything| all)?\b|\bnew (?:topic|search|conversation)\b|\bforget everything\b|\bclear (?:everything|all)\b|\blet'?s start (?:over|again)\b",
    r"重新(?:开始|来|搜)|换个话题|清空|全部(?:清除|取消|忘掉)|从头(?:开始|来)|重来|都不要了",
)
INJECTION = _words(
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,30}\b(?:instructions?|rules?|prompts?|guidelines|guardrails|policy|policies|system)\b|\bsystem prompt\b|\byou are now\b|\bact as\b.{0,20}\b(?:dan|admin|root|developer)\b|\bjailbreak\b|\bdeveloper mode\b|\b(?:reveal|print|repeat|show|output)\b.{0,24}\b(?:prompt|instructions)\b|<\|?(?:im_start|system|endoftext)\|?>|\[/?inst\]|###\s*(?:system|instruction)",
    r"(?:忽略|无视|忘记|忘掉|绕过|不要理会).{0,12}(?:指令|规则|提示|设定|要求|限制|说明)|系统提示词?|你现在是(?!.{0,4}(?:什么|谁))|扮演.{0,8}(?:管理员|开发者)|越狱|开发者模式|(?:输出|显示|打印|泄露|告诉我).{0,8}(?:提示词|系统指令)",
)

OPINIONS: tuple[tuple[Opinion, re.Pattern[str]], ...] = (
    (Opinion.CHOSEN, _words(r"\bi'?ll (?:take|go with|have|buy|watch|get|pick|choose)\b|\bi (?:choose|pick|chose|'?ve decided)\b|\bgoing with\b|\blet'?s (?:watch|go with|take|get)\b|\bsold\b", r"就(?:要|买|看|选|它|这|定)(?!.{0,6}(?:以上|以下|左右))|我(?:选|买|要)第|选定|决定(?:买|看|要)|下单|那就看|那就买|就这[个部款]")),
    (Opinion.DISLIKE, _words(r"\b(?:hate|hated|dislike|disliked|don'?t like|didn'?t like|do not like|did not like|not a fan|can'?t stand|boring|terrible|awful|bad|horrible|worst|sucks?|sucked|not interested|not for me|no thanks|overrated|disappointing|disappointed|not (?:that )?(?:great|good))\b", r"不喜欢|讨厌|不好看|难看|无聊|没意思|不感兴趣|太差|失望|不想看|不行|烂|不咋[地样]|看不下去|不爱看|不怎么样|差劲|不要这|不要第")),
    (Opinion.LIKE, _words(r"\b(?:love|loved|like(?:d)?|enjoy(?:ed)?|adore|adored|great|amazing|fantastic|favou?rite|excellent|awesome|perfect|brilliant|fan of|looks (?:good|great|nice|interesting)|sounds (?:good|great|nice|interesting)|good one|nice one|not bad|interested in|good)\b", r"喜欢|很爱|超爱|最爱|爱看|不错|好看|很棒|太棒|真棒|挺好|很好|喜爱|感兴趣|经典|神作|满意|可以啊|完美|赞")),
    (Opinion.SEEN, _words(r"\b(?:seen|watched|saw|already (?:have|own|know|read)|have (?:it|that one|this one) already|own (?:it|one))\b", r"看过|看完|用过|有了|读过|听过|见过|刷过|买过")),
)  # fmt: skip

SIGNALS: tuple[tuple[Signal, re.Pattern[str]], ...] = (
    (Signal.SURPRISE, SURPRISE),
    (Signal.OTHERS, OTHERS),
    (Signal.RESTART, RESTART),
    (Signal.THANKS, THANKS),
    (Signal.BYE, BYE),
    (Signal.ABILITY, ABILITY),
    (Signal.INJECTION, INJECTION),
    (Signal.FIRM, FIRM),
    (Signal.SIMILAR, SIMILAR),
)
PERMIT = re.compile(
    r"\s*(?:movies?|films?|phones?|ones?)?\s*(?:(?:is|are|would be)\s+(?:also\s+)?(?:fine|ok|okay|allowed|good|acceptable|welcome)|(?:片|的|类)?(?:也|都)(?:行|可以|能接受|没问题|好|OK|ok))"
)
BUDGET = re.compile(r"\b(?:budget|spend|afford)\b|预算|控制在|最多花")
