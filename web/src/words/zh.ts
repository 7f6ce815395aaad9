import type { Words } from "./en";

export const zh: Words = {
  tagline: "说出你的感觉。", greeting: "说说你现在想要什么，我只给你看真实存在的。", try: "比如",
  placeholder: "你现在想要什么？", send: "发送", stop: "停止", you: "你", said: "你说", wishes: "我的理解", remove: "去掉", clear: "全部清除", must: "必须", nice: "最好",
  makeNice: "改为“最好”", makeMust: "改为“必须”", undo: "撤销", undone: "已撤销", removed: "已去掉", why: "为什么推荐", like: "喜欢", dislike: "不合适", skip: "跳过", save: "收藏", compare: "对比",
  more: "更多类似的", moreText: "更多像{title}这样的", compareNow: "对比 {n} 个", compareHint: "选两到四个", close: "关闭", skipQuestion: "跳过", history: "历史对话", fresh: "新对话", delete: "删除",
  noHistory: "还没有对话。", me: "我对你的了解", meNone: "还没有。你的喜欢、不喜欢和点击会出现在这里。", likes: "你喜欢", dislikes: "你不喜欢", personal: "新对话中参考我的口味", export: "导出我的数据", erase: "删除关于我的一切",
  eraseSure: "确定全部删除吗？无法恢复。", erased: "已删除。", settings: "外观", theme: "主题", light: "浅色", dark: "深色", system: "跟随系统", language: "语言", size: "字号", offline: "网络断开。你的操作已保存，稍后发送。",
  failed: "没有发送成功。", retry: "重试", newer: "有新消息", generated: "由语言模型撰写", ai: "答案来自商品目录，由程序撰写。", reason_why: "哪里不合适？", price_sensitivity: "价格", product_fit: "不合我意", trust_security: "不放心", comparison: "有更好的", other: "其他", noReason: "不说原因",
  verdict: "你的要求", yes: "符合", no: "不符合", unknown: "未知", from: "起", items: "{n} 个结果", edit: "你修改了要求", stopped: "已停止。", keys: "Enter 发送 · Shift+Enter 换行 · Esc 停止 · Ctrl+K 新对话", menu: "菜单", best: "最优", notUsed: "关", working: "正在找……",
};
