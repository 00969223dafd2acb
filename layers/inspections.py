"""Inspections 检查: who went where, with how many people, and what they found.

Counted as the work report counts them: 次 are records, 人次 the people sent out, 家次 the premises visited. Kinds of
bridge inspection by CJJ 99-2017 第4章; holidays with crowds at ferries by 内河交通安全管理条例.
"""

from datetime import date as Date  # noqa: N812 - the column kind is called date

from sqlalchemy.orm import Mapped

from layers._fields import date, number, term, text
from layers._layer import Figure, Sum, Symbol
from layers._ledger import Record
from layers._vocabulary import Label, Term, Vocabulary

KIND = Vocabulary(
    "本局检查台账; CJJ 99-2017 第4章",
    (
        Term("日常巡查", "patrol", aliases=("巡查", "经常性检查")),
        Term("专项检查", "special inspection"),
        Term("联合执法", "joint enforcement", aliases=("执法检查",)),
        Term("节假日检查", "holiday inspection"),
        Term("定期检测", "periodic test", aliases=("检测",)),
        Term("复查", "re-inspection"),
    ),
)
BUSINESS = Vocabulary(
    "本局业务分工",
    (
        Term("桥梁", "bridges"),
        Term("内河", "rivers"),
        Term("燃气", "gas"),
        Term("工地", "building sites", aliases=("在建工地",)),
        Term("古厝", "old houses", aliases=("历史建筑",)),
        Term("夜景", "night lighting", aliases=("夜景灯光",)),
        Term("排水", "drainage"),
        Term("道路", "roads", aliases=("市政设施",)),
        Term("快递", "parcel delivery", aliases=("邮政寄递",)),
        Term("渡口", "ferries", aliases=("渡口码头",)),
        Term("消防", "fire safety"),
        Term("其他", "other"),
    ),
)
RESULT = Vocabulary(
    "本局检查台账",
    (
        Term("合格", "passed", colour="#2c7bb6", aliases=("未发现问题", "正常")),
        Term("发现问题", "with findings", colour="#ee9a3a", aliases=("有问题",)),
        Term("不合格", "failed", colour="#a50f2d"),
    ),
)

_TIMES, _PEOPLE, _VISITS = Label("次", "inspections"), Label("人次", "person-times"), Label("家次", "visits")


def _of(business: str) -> str:
    return f"business = '{business}' AND inspected_on >= year_start()"


class Inspection(Record):
    """An inspection: of a feature (its subject), at a place, or of a whole trade."""

    title = Label("检查", "Inspections")
    standard = "CJJ 99-2017; JGJ 59-2011; 城镇燃气管理条例; 内河交通安全管理条例"
    prefix = "JC"
    symbol = Symbol("result", "circle", from_zoom=12, size=4, worst=("不合格", "发现问题", "合格"))

    kind: Mapped[str] = term("检查类别", "Kind", KIND, aliases=("类别", "检查类型"))
    business: Mapped[str] = term("业务领域", "Business", BUSINESS, aliases=("业务", "领域"))
    inspected_on: Mapped[Date | None] = date("检查日期", "Inspected on", aliases=("日期",))
    person_times: Mapped[float | None] = number("出动人次", "Person-times", unit="人次", minimum=0, aliases=("人次",))
    visits: Mapped[float | None] = number("检查家次", "Premises visited", unit="家次", minimum=0, aliases=("家次",))
    result: Mapped[str] = term("检查结果", "Result", RESULT, aliases=("结果",))
    hazards_found: Mapped[float | None] = number(
        "发现隐患数", "Hazards found", unit="个", minimum=0, aliases=("隐患数", "发现问题数")
    )
    agency: Mapped[str | None] = text("检查单位", "Agency", aliases=("单位",))
    inspector: Mapped[str | None] = text("检查人员", "Inspector", aliases=("检查人",))
    note: Mapped[str | None] = text("检查情况", "Note", aliases=("备注", "情况"))

    measures = (
        Sum("person_times", Label("出动人次", "Person-times"), "person_times", "人次"),
        Sum("visits", Label("检查家次", "Premises visited"), "visits", "家次"),
        Sum("hazards_found", Label("发现隐患数", "Hazards found"), "hazards_found", "个"),
    )
    figures = (
        Figure("F33", Label("巡查及维护夜景设施", "Lighting: people sent"), _PEOPLE, "person_times", _of("夜景")),
        Figure("F74", Label("燃气安全执法检查出动", "Gas: people sent"), _PEOPLE, "person_times", _of("燃气")),
        Figure("F84a", Label("快递安全生产检查", "Parcels: premises visited"), _VISITS, "visits", _of("快递")),
        Figure("F84b", Label("快递检查出动", "Parcels: people sent"), _PEOPLE, "person_times", _of("快递")),
        Figure("F85", Label("渡口专项安全检查", "Ferries: inspections"), _TIMES, "count", _of("渡口")),
    )
