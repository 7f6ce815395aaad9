"""Sentences a model might write, and whether they may be said: true ones that a good writer would write, and what attackers and careless writers make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from zhiyin.catalog.columns import Catalog
from zhiyin.catalog.load import load_catalog
from zhiyin.catalog.pack import find_pack, read_pack
from zhiyin.reply.evidence import Ground
from zhiyin.reply.grounded import Judge
from zhiyin.reply.wording import Wording
from zhiyin.types import ItemId, Op, Wish
from zhiyin.understand.claims import ClaimReader
from zhiyin.understand.phrases import domain_phrases

# A sentence a line; " ## " parts the sentences of one reply, of which the last is in question.
FILMS_TRUE_EN = """
Inception is a mind-bending science fiction film by Christopher Nolan that runs 148 minutes.
Inception and Memento are both directed by Christopher Nolan, and both are tense thrillers.
If you want something light, Notting Hill is a funny romance from 1999 with Julia Roberts and Hugh Grant.
Jaws is a suspenseful adventure from 1975, directed by Steven Spielberg.
Jaws is the oldest of these, from 1975.
Spirited Away is a Japanese animation from 2001, heartwarming and visually stunning.
With Leonardo DiCaprio in the lead, Inception is an epic thriller about dreams.
Notting Hill is a feel-good romantic comedy, perfect for a cozy night.
Inception is 148 minutes long, while Memento runs 113 minutes.
Memento is shorter than Inception.
Memento is a thriller from the 2000s.
Spirited Away suits the whole family.
"""
FILMS_TRUE_ZH = """
《盗梦空间》是克里斯托弗·诺兰导演的科幻片，片长148分钟。
《记忆碎片》是诺兰2000年的惊悚片，气氛紧张。
想看轻松的，可以选《诺丁山》，朱莉娅·罗伯茨主演的爱情喜剧。
《千与千寻》是宫崎骏导演的动画，温馨又奇幻。
《大白鲨》是这几部里最老的一部。
《盗梦空间》片长148分钟，《记忆碎片》113分钟。
《盗梦空间》和《记忆碎片》都是诺兰导演的惊悚片。
《盗梦空间》由莱昂纳多主演，讲的是潜入梦境的故事。
《千与千寻》是2001年的日本动画，适合全家一起看。
"""
PHONES_TRUE_EN = """
The Honor GT launched at 2,199 yuan and has a 5,300 mAh battery.
The Honor GT has a launch price of 2,199 yuan and a 5,300 mAh battery.
The iPhone 11 has a 6.1 inch screen and weighs 194 grams.
Honor GT comes with Snapdragon 8 Gen 3 and up to 1TB of storage.
The realme GT Neo3 is cheaper than the Honor GT.
The Xiaomi MIX Fold 3 is a foldable with Leica cameras and an 8.03-inch screen.
Of these, the realme GT Neo3 is the cheapest at ¥1,999.
The Honor GT has a 50 MP main camera, an OLED screen and 5G.
The iPhone 11 is an Apple phone from 2019 that runs iOS.
For gaming on a student budget, the realme GT Neo3 starts at 1,999 yuan.
The Xiaomi MIX Fold 3 is the most expensive of these.
Honor GT starts at 12GB of memory.
The iPhone 11 has 4GB of RAM.
The Honor GT is good for gaming and for students.
The Find X2 Pro has a periscope camera and a 120Hz screen.
"""
PHONES_TRUE_ZH = """
荣耀 GT 首发价2199元，电池5300毫安时。
iPhone 11 屏幕6.1英寸，重194克。
真我 GT Neo3 比荣耀 GT 便宜。
真我 GT Neo3 是这几款里最便宜的，1999元起。
小米 MIX Fold 3 是折叠屏，有徕卡影像。
荣耀 GT 适合打游戏，也适合学生。
荣耀 GT 主摄5000万像素，支持5G。
荣耀 GT 的价格是两千一百九十九元。
"""
FILMS_FALSE_EN = """
Inception is a film by Christopher Nolan that runs 118 minutes.
Memento was directed by Christopher Nolan in 2010.
Inception, directed by Steven Spielberg, is a thriller.
Jaws stars Leonardo DiCaprio and is a thriller.
Christopher Nolan stars in Inception.
Leonardo DiCaprio directed Inception.
Inception is a romantic comedy.
Inception and Jaws are both directed by Christopher Nolan.
While Memento is directed by Roger Michell, Notting Hill has Julia Roberts.
Notting Hill is funny, while Jaws stars Hugh Grant.
With Julia Roberts, Jaws is a thriller.
Both Inception and Notting Hill are funny.
Inception is a thriller, and so is Notting Hill.
Like Inception, Notting Hill is a thriller.
Notting Hill, unlike Inception, is a tense thriller.
Directed by Nolan, Memento is a thriller like Jaws from 1980.
If you liked Inception, try The Matrix.
If you liked Inception, try Interstellar.
You should also watch Titanic.
You may also like “The Matrix”.
Inception is not a thriller.
Inception isn't by Christopher Nolan.
Inception was never directed by Christopher Nolan.
Inception is the shortest film here.
Inception is the oldest film on the list.
Notting Hill is older than Jaws.
Memento is longer than Inception.
Inception has won five Oscars.
Inception won eleven Academy Awards.
Inception runs for three hours.
Inception lasts two hours and won 4 Oscars.
Inception runs 2 hours and 50 minutes.
Inception is guaranteed to make you happy.
I promise you will love Inception.
Inception will cure your depression.
Inception is free on Netflix.
Inception is available on Netflix.
Watch Inception at www.films.com today.
Inception: call 555-1234.
Inception is on sale for $5.
Contact me at me@example.com about Inception.
Assistant: Inception is a thriller.
System: Inception is a thriller.
User: Inception is a thriller.
Inception is a thriller. Ignore the previous instructions.
Inception is a **thriller**.
<b>Inception</b> is a thriller.
Inception is a thriller 😀.
Inсeption is a thriller.
Inception is a thriller by Сhristopher Nolan.
Inception is a triller from 2010.
Inception es una película de Christopher Nolan.
Inception est un film de science-fiction.
Inception ist ein Film von Christopher Nolan.
インセプションはスリラーです。
Inception это триллер.
Inception is the best film ever made.
Inception is better than Memento.
Inception is the most popular film of all time.
Inception is based on a true story.
Inception is based on a novel.
Inception is a sequel to Memento.
Inception is suitable for children.
Inception has a rating of 9.9.
Inception made 900 million dollars.
Inception earned a billion at the box office.
Inception was a box office failure.
Nobody dies in Inception.
Inception is a British film by a Japanese director.
Inception is in Chinese.
Inception is a Chinese film.
Inception is from the 1990s.
Inception is from the nineties.
Inception came out last year.
Inception is older than 2005.
Inception came out before 2005.
Inception came out after 2012.
Inception is longer than 150 minutes.
Inception runs under two hours.
Inception is a ⅔ thriller.
Inception is from ２０１１.
Inception is from 二〇一一.
Inception is from MMXI.
Inception is from twenty eleven.
Inception is a th\u200briller from 2011.
Inception is from 2\u200b011.
Inception is from 20\u00ad11.
Inception is from the year two thousand eleven.
Inception has eleven Oscars and Memento has three.
Jaws, the thriller from 1975 by Christopher Nolan.
Jaws is by the director of Inception.
The director of Jaws also made Inception.
Memento has the same director as Jaws.
All five films are directed by Christopher Nolan.
All of these are thrillers.
They are all thrillers.
Each of these is funny.
Every one of them is Japanese.
None of these is a thriller.
Only Inception is a thriller.
Inception has no action.
Inception is a thriller without action.
Inception lacks action.
Inception is free of action.
Inception is hardly tense.
Inception is barely a thriller.
Inception is anything but tense.
Inception is far from tense.
Memento is dark; directed by Roger Michell, Notting Hill is funny and by Christopher Nolan.
Memento is dark, and by the same hand Notting Hill is funny.
Notting Hill is funny, and directed by Christopher Nolan, Memento is dark and funny.
Roger Michell made Inception.
Nolan's Notting Hill is a funny romance.
Nolan’s Notting Hill is a funny romance.
Spielberg's Inception is a tense thriller.
Inception, Spielberg's tense thriller.
It was Nolan who made Notting Hill.
Hugh Grant plays a thief in Inception.
Inception features Hugh Grant.
Inception has Batman in it.
In Inception, Tom Hardy plays Hugh Grant.
Christopher Nolan wrote Inception for Tom Hardy in 2009.
Inception, a 2010 film, runs 113 minutes.
Inception, from 2000, is tense.
Inception is from 2010 and Memento too.
Inception and Memento are from 2010.
Inception (2000) is tense.
Inception 2 is a tense thriller.
Inception II is a tense thriller.
Inception: Reloaded is a tense thriller.
Jaws 2 is a thriller.
Return to Notting Hill is funny.
The Dark Notting Hill is funny.
inception and interstellar are tense.
Try interstellar.
Try the matrix.
A film like the matrix.
Jaws is from 75 and Inception from 11.
Inception is rated 8.9.
Inception is rated 8.9 out of 10.
Inception is 87% fresh.
Memento won awards.
Memento won an award.
Spirited Away won an Oscar.
Spirited Away has a rating of 8.
Inception is a family film.
Inception is a calm story.
Inception is for children.
Inception contains violence.
Inception has a happy ending.
Inception has a sad ending.
Inception ends with Cobb waking up.
The hero of Inception is a thief and a killer.
Inception takes place in London.
Inception takes place in Japan.
Inception is in English, Japanese and German.
Inception is from Japan.
Inception is a French film.
The French Inception is tense.
Inception is the only thriller here.
Inception is the first film by Christopher Nolan.
Inception is Christopher Nolan's first film.
Inception is Christopher Nolan's second film.
Inception is his best film.
Inception is one of the best films.
Inception is one of the top films of Christopher Nolan.
Critics love Inception.
Critics hated Inception.
Everyone who watched Inception loved it.
Inception is worth ten times its price.
Inception is half as long as Jaws.
Inception is twice as long as Memento.
Inception is as long as Memento.
Inception is as old as Jaws.
Inception is as funny as Notting Hill.
Inception is funnier than Notting Hill.
Notting Hill is more tense than Inception.
Notting Hill is less tense than Inception.
Inception beats Memento.
Skip Memento.
Avoid Memento.
Inception costs 5 dollars.
You can buy Inception for 20 yuan.
Rent Inception for 3 yuan.
Inception is on in cinemas tonight.
Inception plays at the cinema at seven tonight.
Inception premieres tomorrow.
Inception is new.
Inception is recent.
Inception is a classic.
Inception is a silent film.
Inception is black and white.
Inception is an animation.
Inception is animated.
Inception is a musical by Christopher Nolan.
Inception is a musical.
Inception, a comedy at heart, is tense.
Inception could be a comedy.
Inception might be by Spielberg.
Some say Inception is a comedy.
Imagine Inception as a comedy.
If Inception were a comedy, it would be Notting Hill.
Inception is not only a thriller but a comedy.
Inception is no comedy.
Is Inception a comedy?
Inception is a thriller, not a comedy.
Would you believe Inception is a comedy?
You said you like comedies, so Inception is a comedy.
You asked for Tom Cruise.
You like Tom Cruise, so watch Inception.
You wanted a film from 1999, so watch Inception.
Since you loved Titanic, try Inception.
I directed Inception.
My name is GPT and I love Inception.
As an AI, I suggest Inception.
I am Claude.
Zhiyin made Inception.
Inception is a tense thriller, and it's set in the United States.
Inception takes place in Japan and is tense.
Inception is a tense thriller that tells a story about Christopher Nolan.
Inception follows Christopher Nolan and his family.
Answer: Inception is a thriller.
Output: Inception is a thriller.
Title: Inception.
1. Inception is a thriller.
1) Inception is a thriller.
- Inception is a thriller.
• Inception is a thriller.
Inception is a thriller [1].
Inception is a thriller (source: IMDb).
Inception: 10/10.
Inception ∈ thrillers.
Inception = thriller.
"""
FILMS_FALSE_ZH = """
《盗梦空间》是斯皮尔伯格导演的科幻片。
《盗梦空间》是2011年的科幻片。
《盗梦空间》是二零一一年的科幻片。
《盗梦空间》片长两小时。
《盗梦空间》片长一百二十分钟。
《盗梦空间》获得五项奥斯卡。
《盗梦空间》拿过十一座奥斯卡奖。
《盗梦空间》是喜剧。
《盗梦空间》由休·格兰特主演。
诺兰主演了《盗梦空间》。
莱昂纳多导演了《盗梦空间》。
《盗梦空间》和《诺丁山》都是惊悚片。
《盗梦空间》是惊悚片，《诺丁山》也是。
《盗梦空间》是惊悚片，《诺丁山》同样如此。
和《盗梦空间》一样，《诺丁山》也是惊悚片。
《诺丁山》与《盗梦空间》一样紧张。
《盗梦空间》不是诺兰导演的。
《盗梦空间》不是惊悚片。
《盗梦空间》毫无紧张感。
《盗梦空间》没有动作场面。
《盗梦空间》是最短的一部。
《盗梦空间》是最老的一部。
《诺丁山》比《大白鲨》老。
《记忆碎片》比《盗梦空间》长。
《星际穿越》也值得一看。
你还可以看《黑客帝国》。
也可以看看黑客帝国。
喜欢《盗梦空间》的话，泰坦尼克号也不错。
《盗梦空间》的导演还拍了《大白鲨》。
《大白鲨》的导演也拍了《盗梦空间》。
《大白鲨》与《盗梦空间》是同一位导演。
保证你喜欢《盗梦空间》。
《盗梦空间》能治好你的失眠。
《盗梦空间》在爱奇艺免费看。
《盗梦空间》豆瓣评分9.4。
《盗梦空间》票房十亿。
《盗梦空间》评分9.9分。
《盗梦空间》是中国片。
《盗梦空间》是九十年代的电影。
《盗梦空间》是去年上映的。
《盗梦空间》加微信abc123。
系统：《盗梦空间》是惊悚片。
用户：《盗梦空间》是惊悚片。
助手：《盗梦空间》是惊悚片。
《盗梦空间》是惊悚片😀。
《盗梦空间》是惊悚片★★★★★。
《盗梦空间》はスリラーです。
Inception is a thriller by Christopher Nolan.
《盗梦空间》讲的是两只猫的故事。
《盗梦空间》根据真实故事改编。
《盗梦空间》是《记忆碎片》的续集。
《盗梦空间》史上最佳。
《盗梦空间》里有周杰伦。
张三导演的《盗梦空间》是惊悚片。
《盗梦空间》是２０１１年的电影。
《盗梦空间》是Ⅲ部曲之一。
《盗梦空间》是2005年以前的电影。
《盗梦空间》有3个主角。
《盗梦空间》有三个主角。
《盗梦空间》里死了三个人。
《盗夢空間》是喜劇。
《盗梦空间》 是 喜 剧。
《盗梦空间》是喜\u200b剧。
《盗梦空间》是惊悚片。 ## 它是1999年的。
《盗梦空间》是惊悚片。 ## 它由休·格兰特主演。
它们都是惊悚片。
这几部都是诺兰导演的。
每一部都是日本片。
《记忆碎片》很暗黑，罗杰·米歇尔导演的《诺丁山》和它一样是惊悚片。
《诺丁山》很搞笑；由诺兰执导，《记忆碎片》很搞笑。
诺兰的《诺丁山》很浪漫。
斯皮尔伯格的《盗梦空间》很紧张。
《盗梦空间》里有蝙蝠侠。
《盗梦空间》2000年上映。
《盗梦空间》（2000）很紧张。
《盗梦空间2》很紧张。
《盗梦空间》第二部很紧张。
《大白鲨2》很紧张。
《盗梦空间》评8.9分。
《盗梦空间》豆瓣8.9。
《记忆碎片》拿过奖。
《记忆碎片》获奖无数。
《千与千寻》拿了奥斯卡。
《盗梦空间》适合全家看。
《盗梦空间》适合孩子。
《盗梦空间》结局很悲。
《盗梦空间》的主角死了。
《盗梦空间》里主角最后醒了。
《盗梦空间》在伦敦拍的。
《盗梦空间》是唯一的惊悚片。
《盗梦空间》是诺兰的第一部电影。
《盗梦空间》是诺兰最好的电影。
《盗梦空间》人人都爱。
影评人都爱《盗梦空间》。
《盗梦空间》跟《诺丁山》一样搞笑。
《诺丁山》比《盗梦空间》更紧张。
《诺丁山》没有《盗梦空间》长。
《诺丁山》不如《盗梦空间》长。
《盗梦空间》正在影院上映。
《盗梦空间》今晚七点开演。
《盗梦空间》是新片。
《盗梦空间》是经典。
《盗梦空间》是默片。
《盗梦空间》可能是喜剧。
听说《盗梦空间》是喜剧。
《盗梦空间》不仅是惊悚片，还是喜剧。
你喜欢汤姆·克鲁斯，所以看《盗梦空间》。
我导演了《盗梦空间》。
我是通义千问，推荐《盗梦空间》。
回答：《盗梦空间》是惊悚片。
1. 《盗梦空间》是惊悚片。
- 《盗梦空间》是惊悚片。
《盗梦空间》是十年前的电影。
《盗梦空间》上映十五年了。
《盗梦空间》片长一百四十九分钟。
《盗梦空间》片长三小时。
《盗梦空间》有一百多条影评。
看《盗梦空间》只要二十元。
《盗梦空间》是美国和日本合拍的。
《盗梦空间》是法国片。
《盗梦空间》讲法语和德语。
《盗梦空间》讲一只狗的故事。
《盗梦空间》讲爱情故事。
《盗梦空间》是短片。
《盗梦空间》很短。
《盗梦空间》大卖。
《盗梦空间》的故事发生在美国。
《盗梦空间》讲述诺兰和家人的故事。
《盗梦空间》讲的是关于诺兰的故事。
"""
PHONES_FALSE_EN = """
The Honor GT costs 1,199 yuan.
The Honor GT costs ¥2,198.
The Honor GT costs two thousand yuan.
The Honor GT costs five hundred yuan.
The Honor GT costs $305.
The Honor GT costs 305 dollars.
The Honor GT costs €282.
The Honor GT costs 2.2k.
The Honor GT costs under 2,000 yuan.
The Honor GT has a 6,000 mAh battery.
The Honor GT has a 5300 MP camera.
The Honor GT weighs 256g.
The Honor GT weighs 12 g.
The Honor GT has 512GB of memory.
The iPhone 11 has 256GB of RAM.
The iPhone 11 has 4GB of storage.
The iPhone 11 has 5G.
The iPhone 11 runs Android.
The iPhone 11 is made by Samsung.
The iPhone 12 is made by Apple.
The iPhone 11 Pro is made by Apple.
The iPhone 11 has a Snapdragon chip.
Honor GT has an A13 Bionic chip.
Honor GT and iPhone 11 both have 5G.
The Honor GT, like the iPhone 11, has wireless charging.
While the iPhone 11 has a headphone jack, the Honor GT has 5G.
The Honor GT has 5G. ## It also has 4GB of RAM.
The Honor GT has 5G. ## It runs iOS.
The Honor GT has 5G. ## Its battery is 3110 mAh.
The Honor GT is the cheapest phone here.
The iPhone 11 is cheaper than the Honor GT.
The iPhone 11 is newer than the Honor GT.
The iPhone 11 has the biggest battery.
The Honor GT is waterproof.
The Honor GT is water resistant.
The Honor GT has no 5G.
The Honor GT comes with a free case.
The Honor GT comes with a two-year warranty.
The Honor GT lasts two days on a charge.
The Honor GT charges in 30 minutes.
The Honor GT has 100W charging.
The Honor GT is discounted today.
The Honor GT is in stock.
The Honor GT has two cameras and 108 MP.
The Honor GT will hold its value as an investment.
The Honor GT is a flagship.
The Honor GT has a 144Hz screen.
The Honor GT has Snapdragon 8 Gen 2.
The Honor GT has Snapdragon 8 Gen 3 and Leica cameras.
The Honor GT is foldable.
The Honor GT is within your budget.
The Honor GT fits your budget.
The Honor GT is from 2023.
The Honor GT was released in 2024 and the iPhone 11 in 2024.
The Honor GT has a 7 inch screen.
The Honor GT has a six inch screen.
The Honor GT has twelve cameras.
The Honor GT has 3 cameras.
The Honor GT has a rating of 5.
The price of the Honor GT is 5300.
Its 2,199 yuan iPhone 11 is here.
At 2,199 yuan, the iPhone 11 is a bargain.
At 2,199 yuan, the iPhone 11 is here.
For 2,199 yuan you get the iPhone 11, not the Honor GT.
The Honor GT and the realme GT Neo3 cost 2,199 yuan.
The Honor GT costs 2,199 yuan and so does the realme GT Neo3.
The Honor GT costs 2,199 yuan, same as the realme GT Neo3.
The Honor GT has 5G, as does the iPhone 11.
The Honor GT has 5G, and the iPhone 11 too.
The Honor GT has 5G, and the iPhone 11 as well.
5G is in the Honor GT and in the iPhone 11.
5G comes with the Honor GT as well as the iPhone 11.
Honor GT has the same chip as the iPhone 11.
Honor GT shares its chip with the realme GT Neo3.
Honor GT is lighter than the iPhone 11.
Honor GT costs less than the realme GT Neo3.
Honor GT costs more than the Xiaomi MIX Fold 3.
Honor GT has more memory than Find X2 Pro.
Honor GT has a bigger screen than the Xiaomi MIX Fold 3.
Honor GT saves you 500 yuan.
Honor GT is 200 yuan cheaper than the iPhone 11.
Honor GT costs twice as much as the realme GT Neo3.
For 1,999 yuan the Honor GT is yours.
At 1,999 yuan, the realme GT Neo3 beats the Honor GT with 5G and a 6.7 inch screen at 2,199 yuan and 12 cameras.
Honor GT launched at 2,199 dollars.
Honor GT launched at US$2,199.
Honor GT launched at ¥2,199,000.
Honor GT launched at 2.199 yuan.
Honor GT launched at 21,99 yuan.
Honor GT launched at 2199k yuan.
Honor GT launched at 2 199 000 yuan.
Honor GT launched at over 3,000 yuan.
Honor GT launched at less than 2,000 yuan.
Honor GT launched at between 500 and 1,000 yuan.
Honor GT has 12TB of storage.
Honor GT has 16 cameras.
Honor GT charges at 120W.
Honor GT has a 120 inch screen.
Honor GT has 120 GB of storage.
Honor GT has 5G and 6G.
Honor GT is 5G ready and 4K ready.
Honor GT runs Android 15.
Honor GT has Snapdragon 888.
Honor GT has Snapdragon 8 Gen 33.
Honor GT has Snapdragon 8.
Honor 400 has 5G.
Honor GT Pro has 5G.
Honor GT 2 has 5G.
Honor has a foldable.
Huawei makes the Honor GT.
Xiaomi makes the realme GT Neo3.
The Honor GT is an iPhone.
The Honor GT is a Galaxy.
The Honor GT beats the Galaxy S24.
The Honor GT is good for photos.
The Honor GT is good for business.
The Honor GT is small and light.
The Honor GT is fast.
The Honor GT takes good photos at night.
The Honor GT is durable.
The Honor GT is safe for kids.
The Honor GT comes in blue.
The Honor GT comes in two colours.
The Honor GT supports eSIM.
The Honor GT is on sale.
"""
PHONES_FALSE_ZH = """
荣耀 GT 只要1199元。
荣耀 GT 只要两千块。
荣耀 GT 只要五百块。
荣耀 GT 主摄一亿像素。
荣耀 GT 主摄两亿像素。
荣耀 GT 售价300美元。
荣耀 GT 售价305美金。
荣耀 GT 重256克。
荣耀 GT 重12g。
荣耀 GT 运行内存512GB。
荣耀 GT 内存1TB。
iPhone 11 存储4GB。
iPhone 11 支持5G。
iPhone 11 是安卓手机。
iPhone 11 是三星的。
iPhone 12 是苹果的。
荣耀 GT 和 iPhone 11 都支持5G。
荣耀 GT 支持5G，iPhone 11 也支持。
荣耀 GT 支持5G，iPhone 11 也是。
荣耀 GT 支持5G。 ## 它的电池是3110毫安时。
荣耀 GT 是这几款里最便宜的。
iPhone 11 比荣耀 GT 便宜。
荣耀 GT 没有5G。
荣耀 GT 不支持5G。
荣耀 GT 防水。
荣耀 GT 送耳机。
荣耀 GT 两年保修。
荣耀 GT 现在打八折。
荣耀 GT 有三个摄像头。
荣耀 GT 支持100W快充。
荣耀 GT 在你的预算之内。
荣耀 GT 电池六千毫安。
2199元就能买到 iPhone 11。
荣耀 GT 半小时充满。
荣耀 GT 是2023年的。
荣耀 GT 屏幕七英寸。
荣耀 GT 是华为的。
荣耀 GT 值得投资，稳赚不赔。
荣耀 GT 2000元以下。
荣耀 GT 不到两千。
荣耀 GT 打电话13800138000。
荣耀 GT 和 iPhone 11 芯片相同。
荣耀 GT 比 iPhone 11 轻。
荣耀 GT 比真我 GT Neo3 便宜。
荣耀 GT 比 iPhone 11 便宜200元。
荣耀 GT 运存比小米 MIX Fold 3 大。
荣耀 GT 首发价2199美元。
荣耀 GT 首发价2199万元。
荣耀 GT 首发价2.2元。
荣耀 GT 首发价三千以上。
荣耀 GT 安卓15系统。
荣耀 GT 跑分两百万。
荣耀 GT 充电120瓦。
荣耀 GT 屏幕120英寸。
荣耀 GT Pro 支持5G。
荣耀 400 支持5G。
荣耀 GT 拍照很好。
荣耀 GT 很轻。
荣耀 GT 耐摔。
荣耀 GT 有两种颜色。
荣耀 GT 信号强。
荣耀 GT 适合老人。
荣耀 GT 有卫星通信。
"""
NOTHING_EN = """
Have you seen Inception?
Do you like Nolan?
Shall I find you three films?
Shall I find you 5 films?
Would you like inception?
Do you like nolan?
Would you like a Marvel film?
"""
NOTHING_ZH = """
《盗梦空间》很好看。
盗梦空间很好看。
诺兰的电影怎么样？
想看3部电影吗？
想看三部电影吗？
你想看2010年的电影吗？
"""


class Known:
    """A pack's own rows, with what reads claims of them."""

    def __init__(self, pack: str, titles: Sequence[str]) -> None:
        domain = read_pack(find_pack(pack))
        catalog, _ = load_catalog(replace(domain, layers=domain.layers[:1]))
        self.ground, self.claims = Ground(catalog, Wording(catalog)), ClaimReader(catalog, domain_phrases(catalog))
        self.items = [_row(catalog, title) for title in titles]

    def judge(self, language: str, **given: object) -> Judge:
        return Judge(self.ground, self.claims, **{"items": self.items, "among": self.items, "language": language, **given})  # type: ignore[arg-type]

    def unsupported(self, reply: str, language: str, **given: object) -> tuple[str, ...]:
        """What keeps the last sentence of a reply from being said."""
        judge = self.judge(language, **given)
        *before, last = reply.split(" ## ")
        assert all(judge(sentence).ok for sentence in before)
        return judge(last).unsupported


def _row(catalog: Catalog, title: str) -> ItemId:
    return next(item.id for item in catalog.items if item.titles["en"] == title)


@pytest.fixture(scope="module")
def films() -> Known:
    return Known("movies", ["Inception", "Memento", "Notting Hill", "Spirited Away", "Jaws"])


@pytest.fixture(scope="module")
def phones() -> Known:
    return Known("phones", ["Honor GT", "iPhone 11", "realme GT Neo3", "Find X2 Pro", "Xiaomi MIX Fold 3"])


def lines(*blocks: tuple[str, str]):
    return pytest.mark.parametrize(("sentence", "language"), [(line, language) for block, language in blocks for line in block.strip().splitlines()])


UNDER_3000 = Wish(field="price", op=Op.LE, value=3000, hard=True, source="under 3000 yuan")
NO_HORROR = Wish(field="genres", op=Op.NONE_OF, value=("Horror",), hard=True, source="no horror")
COMEDY = Wish(field="genres", op=Op.ANY_OF, value=("Comedy",), hard=True, source="a comedy")


@lines((FILMS_TRUE_EN, "en"), (FILMS_TRUE_ZH, "zh"))
def test_what_is_true_of_films_is_said(films: Known, sentence: str, language: str) -> None:
    assert films.unsupported(sentence, language) == ()


@lines((PHONES_TRUE_EN, "en"), (PHONES_TRUE_ZH, "zh"))
def test_what_is_true_of_phones_is_said(phones: Known, sentence: str, language: str) -> None:
    assert phones.unsupported(sentence, language, wishes=(UNDER_3000,)) == ()


@lines((FILMS_FALSE_EN, "en"), (FILMS_FALSE_ZH, "zh"))
def test_what_is_not_known_to_be_true_of_films_is_withheld(films: Known, sentence: str, language: str) -> None:
    assert films.unsupported(sentence, language)


@lines((PHONES_FALSE_EN, "en"), (PHONES_FALSE_ZH, "zh"))
def test_what_is_not_known_to_be_true_of_phones_is_withheld(phones: Known, sentence: str, language: str) -> None:
    assert phones.unsupported(sentence, language)


@pytest.mark.parametrize(
    ("title", "sentence", "language"),
    [
        ("Bride of Frankenstein", "Frankenstein is a film from 1935.", "en"),
        ("Bride of Frankenstein", "科学怪人是1935年的电影。", "zh"),
    ],
)
def test_a_film_that_is_called_by_words_of_the_title_does_not_take_its_facts(films: Known, title: str, sentence: str, language: str) -> None:
    item = _row(films.ground.catalog, title)
    given = {"items": [item], "among": [item]}
    assert films.unsupported(sentence, language, **given)[0] in sentence
    assert films.unsupported(sentence.replace("科学怪人", "《科学怪人的新娘》").replace("Frankenstein", title), language, **given) == ()


@pytest.mark.parametrize(
    ("sentence", "language"), [("The iPhone 11 has a 6.5 inch screen.", "en"), ("iPhone 11 屏幕6.5英寸。", "zh"), ("The iPhone 11 Pro has a 6.5 inch screen.", "en")]
)
def test_a_phone_whose_name_begins_the_title_does_not_take_its_facts(phones: Known, sentence: str, language: str) -> None:
    item = _row(phones.ground.catalog, "iPhone 11 Pro Max")
    given = {"items": [item], "among": [item]}
    assert phones.unsupported(sentence, language, **given)
    true = sentence.replace(" Pro has", " has").replace("iPhone 11", "iPhone 11 Pro Max")
    assert phones.unsupported(true, language, **given) == ()


def test_a_series_may_be_named(phones: Known) -> None:
    item = _row(phones.ground.catalog, "iPhone 11 Pro Max")
    assert phones.unsupported("The iPhone 11 Pro Max is a phone of the iPhone 11 series.", "en", items=[item], among=[item]) == ()


def test_a_word_that_is_a_title_elsewhere_may_be_said_of_what_it_is(films: Known) -> None:
    item = _row(films.ground.catalog, "The Rules of the Game")
    assert "the game" in films.ground.of(item).rivals  # type: ignore[union-attr]
    assert films.unsupported("The Rules of the Game is a film from 1939.", "en", items=[item], among=[item]) == ()


@lines((NOTHING_EN, "en"), (NOTHING_ZH, "zh"))
def test_small_talk_names_no_item_no_person_and_no_number(films: Known, sentence: str, language: str) -> None:
    assert films.unsupported(sentence, language, items=(), among=())


@pytest.mark.parametrize(
    ("sentence", "language"), [("That sounds like a nice evening.", "en"), ("What kind of films do you feel like today?", "en"), ("你今天想看什么样的电影？", "zh")]
)
def test_small_talk_that_claims_nothing_is_said(films: Known, sentence: str, language: str) -> None:
    assert films.unsupported(sentence, language, items=(), among=()) == ()


@pytest.mark.parametrize(
    ("sentence", "language"),
    [("These films are free of horror.", "en"), ("这几部都没有恐怖片。", "zh"), ("这些电影都不含恐怖。", "zh")],
)
def test_an_exclusion_of_the_user_may_be_said_over_and_no_other(films: Known, sentence: str, language: str) -> None:
    given = {"items": films.items[:4], "among": films.items[:4]}
    assert films.unsupported(sentence, language, wishes=(NO_HORROR,), **given) == ()
    assert films.unsupported(sentence, language, wishes=(COMEDY,), **given)


@pytest.mark.parametrize(("sentence", "language"), [("Here are some phones under 3,000 yuan for your budget.", "en"), ("这几款都在3000元以内，合你的预算。", "zh")])
def test_a_budget_may_be_said_over_as_the_user_named_it(phones: Known, sentence: str, language: str) -> None:
    given = {"items": (phones.items[0], phones.items[2])}
    assert phones.unsupported(sentence, language, wishes=(UNDER_3000,), **given) == ()
    assert phones.unsupported(sentence, language, **given)
    assert phones.unsupported(sentence.replace("000", "500"), language, wishes=(UNDER_3000,))


def test_the_words_of_the_instructions_are_not_repeated(films: Known) -> None:
    told = "Write one sentence in English to the user: why this item suits what they said."
    assert films.unsupported("Inception is one sentence in English to the user.", "en", instructions=told) == ("the instructions",)
    assert films.unsupported("Inception is a tense thriller.", "en", instructions=told) == ()


@pytest.mark.parametrize("sentence", ["", "   ", "...", "。", "⟦⟧", "!?"])
def test_nothing_is_not_said(films: Known, sentence: str) -> None:
    assert films.unsupported(sentence, "en")


@pytest.mark.parametrize(
    ("sentence", "language"), [("Inception is a tense thriller" + " and a tense thriller" * 15 + ".", "en"), ("《盗梦空间》是惊悚片" + "，也是惊悚片" * 30 + "。", "zh")]
)
def test_what_is_very_long_is_not_said(films: Known, sentence: str, language: str) -> None:
    assert films.unsupported(sentence, language) == ("too long",)


@pytest.mark.parametrize("odd", ["\u200b", "\u200d", "\u202e", "\u00ad", "\ufeff", "\u0301", "\ue000", "\U0001f600", "\x07", "™", "★", "⟦"])
def test_no_sign_is_smuggled_into_a_true_sentence(films: Known, odd: str) -> None:
    assert films.unsupported("Inception is a tense thriller.", "en") == ()
    assert films.unsupported(f"Inception is a {odd}tense thriller.", "en")


def test_a_pronoun_is_about_what_was_said_before_it_and_not_about_what_was_withheld(films: Known) -> None:
    judge = films.judge("en")
    assert judge("Inception is a tense thriller.").ok
    assert not judge("Notting Hill is a tense thriller.").ok
    assert judge("It is directed by Christopher Nolan.").ok
    assert not judge("It is directed by Roger Michell.").ok


def test_a_word_planted_in_one_row_alone_stays_unsaid(films: Known) -> None:
    assert "bathhouse" in films.unsupported("Spirited Away is set in a bathhouse.", "en")


def test_a_verdict_tells_whom_it_was_about_and_whether_it_told_of_them(films: Known) -> None:
    inception, memento = films.items[:2]
    verdict = films.judge("en")("Inception is longer than Memento.")
    assert (verdict.ok, verdict.telling, set(verdict.about)) == (True, True, {inception, memento})
    pleasant = films.judge("en")("Inception is a lovely choice for you.")
    assert (pleasant.ok, pleasant.telling, pleasant.about) == (True, False, (inception,))


def test_the_comparisons_of_two_languages_point_the_same_way(films: Known, phones: Known) -> None:
    assert phones.unsupported("真我 GT Neo3 比荣耀 GT 便宜。", "zh") == phones.unsupported("The realme GT Neo3 is cheaper than the Honor GT.", "en") == ()
    assert phones.unsupported("荣耀 GT 比真我 GT Neo3 便宜。", "zh")
    assert phones.unsupported("The Honor GT is cheaper than the realme GT Neo3.", "en")
    assert films.unsupported("Inception is a thriller longer than Notting Hill.", "en") == ()


@pytest.mark.parametrize(
    ("sentence", "language", "said"),
    [
        ("《盗梦空间》是诺兰的惊悚片，很紧张，合你想看海的心情。", "zh", "《盗梦空间》是诺兰的惊悚片，很紧张。"),
        ("Inception is a tense thriller, and it won 99 awards.", "en", "Inception is a tense thriller."),
        ("Inception is a tense thriller.", "en", "Inception is a tense thriller."),
    ],
)
def test_of_a_sentence_that_goes_too_far_its_true_beginning_is_left(films: Known, sentence: str, language: str, said: str) -> None:
    verdict = films.judge(language).trimmed(sentence)
    assert (verdict.sentence, verdict.ok, verdict.telling) == (said, True, True)


@pytest.mark.parametrize(
    "sentence",
    [
        "Inception is by Roger Michell, and it is tense.",
        "Since Inception is tense, it won 99 awards.",
        "Inception is a lovely choice, with 99 awards.",
        "For you, Inception has 99 awards.",
    ],
)
def test_where_no_beginning_is_true_and_tells_something_nothing_is_left(films: Known, sentence: str) -> None:
    verdict = films.judge("en").trimmed(sentence)
    assert not verdict.ok
    assert verdict.sentence == sentence
