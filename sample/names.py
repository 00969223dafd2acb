"""Names as Fuzhou's south bank has them: places, inner rivers, people, firms. All assignments to shapes are made up."""

from sample.plane import Random

PLACES = {
    "仓前街道": ("塔亭", "海关巷", "积兴", "梅峰", "麦园"),
    "东升街道": ("先农", "聚和", "东升", "先锋"),
    "对湖街道": ("对湖", "程埔头", "师大", "首山路"),
    "临江街道": ("临江", "港头", "观井", "藤山"),
    "三叉街街道": ("三叉街", "象山", "阳光城", "龙津"),
    "上渡街道": ("上渡", "洋洽", "建材", "彩虹"),
    "下渡街道": ("下渡", "马厂", "十锦", "朝阳"),
    "金山街道": ("金山", "金亭", "金环", "榕城广场", "桔园洲", "金洲"),
    "仓山镇": ("潘墩", "连坂", "下藤", "霞湖", "先农村", "石边"),
    "城门镇": (
        "城门",
        "林浦",
        "绍岐",
        "濂江",
        "梁厝",
        "下洋",
        "清凉山",
        "浦口",
        "樟岚",
        "胪雷",
        "黄山",
        "鳌里",
        "龙江",
    ),
    "盖山镇": (
        "盖山",
        "白湖亭",
        "义序",
        "阳岐",
        "高宅",
        "吴山",
        "竹榄",
        "齐安",
        "叶厦",
        "天水",
        "郭宅",
        "高湖",
        "北园",
    ),
    "建新镇": ("建新", "洪塘", "淮安", "洪湾", "台屿", "葛屿", "半洲", "霞镜", "透浦", "奥峰", "山前", "江边"),
    "螺洲镇": ("螺洲", "杜园", "店前", "洲尾", "吴厝"),
    "红星农场": ("红星", "上雁"),
}
"""Villages and neighbourhoods of each sub-district."""

RIVERS = {
    "仓前街道": ("烟台山河",),
    "东升街道": ("先农河", "东升河"),
    "对湖街道": ("程埔河", "对湖河"),
    "临江街道": ("港头河", "临江河"),
    "三叉街街道": ("龙津河", "三叉河"),
    "上渡街道": ("洋洽河", "上渡河"),
    "下渡街道": ("马厂河",),
    "金山街道": ("金港河", "浦上河", "金亭河"),
    "仓山镇": ("潘墩河", "连坂河", "霞湖河", "石边河"),
    "城门镇": (
        "城门河", "林浦河", "绍岐河", "濂江河", "清富河", "梁厝河", "下洋河", "胪雷河", "清凉溪", "樟岚河",
        "龙江河", "鳌里河", "黄山河", "东门浦", "安平浦", "石步河", "谢坑溪", "壁头河",
    ),
    "盖山镇": (
        "白湖亭河", "跃进河", "阳岐河", "义序河", "竹榄河", "高宅河", "吴山河", "齐安河", "天水河", "叶厦河",
        "郭宅河", "高湖河", "六凤河", "北园河", "中山浦",
    ),
    "建新镇": (
        "飞凤河", "洪湾河", "台屿河", "葛屿河", "洪塘河", "淮安河", "半洲河", "霞镜河", "透浦河", "奥峰河",
        "山前河", "江边河", "马洲河", "建新河",
    ),
    "螺洲镇": ("螺洲河", "杜园河", "店前河", "洲尾河"),
    "红星农场": ("红星河", "上雁河"),
}  # fmt: skip
"""Rivers of each sub-district, the longest first."""

_SURNAMES = "陈林黄郑吴张李王刘江杨叶许高潘"
_GIVEN = (
    "国栋",
    "志华",
    "建平",
    "丽芳",
    "晓东",
    "秀英",
    "文辉",
    "永强",
    "雪梅",
    "海峰",
    "明亮",
    "佳慧",
    "振宇",
    "婷",
    "榕",
)

AGENCIES = ("福州市政工程检测有限公司", "省建筑科学研究院", "榕城桥隧检测中心")


def pick(rng: Random, choices: "tuple[str, ...] | list[str] | str") -> str:
    """Return one of several, each as likely as the others."""
    return choices[int(rng.random() * len(choices))]


def weighted(rng: Random, choices: dict[str, float]) -> str:
    """Return one of several, each as likely as its weight says."""
    left = rng.random() * sum(choices.values())
    for choice, weight in choices.items():
        left -= weight
        if left < 0:
            return choice
    return choice


def person(rng: Random) -> str:
    """Return a made-up person's name."""
    return pick(rng, _SURNAMES) + pick(rng, _GIVEN)
