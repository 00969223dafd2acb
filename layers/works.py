"""Works 工程: what is repaired, put to use again or remedied, from the plan to its completion.

修缮 and 活化利用 of old houses by 历史文化名城名镇名村保护条例; 整治 of bridges by 建设部令118号
城市桥梁检测和养护维修管理办法. One feature may have several works: the report counts works, not features.
"""

from datetime import date as Date  # noqa: N812 - the column kind is called date

from sqlalchemy.orm import Mapped

from layers._fields import date, money, number, term, text
from layers._layer import Figure, Sum, Symbol
from layers._ledger import Record
from layers._vocabulary import Label, Term, Vocabulary

KIND = Vocabulary(
    "本局工程台账; 历史文化名城名镇名村保护条例; 建设部令118号",
    (
        Term("修缮", "repair"),
        Term("活化利用", "revival", aliases=("活化",)),
        Term("整治", "remediation", aliases=("加固", "综合整治")),
        Term("改造", "conversion"),
        Term("养护", "maintenance", aliases=("维护", "维修")),
        Term("抢险", "emergency works", aliases=("应急抢险",)),
    ),
)
STATUS = Vocabulary(
    "本局工程台账",
    (
        Term("计划", "planned", colour="#9aa3af", aliases=("方案已定", "未开工")),
        Term("进场施工", "under work", colour="#e08a1e", aliases=("施工中", "在建")),
        Term("完工", "completed", colour="#2c7bb6", aliases=("已完工", "竣工")),
    ),
)
UNIT = Vocabulary(
    "本局工程台账",
    (
        Term("米", "m"),
        Term("平方米", "m²", aliases=("m2", "㎡")),
        Term("个", "pieces", aliases=("套", "只")),
        Term("座", "bridges"),
        Term("栋", "buildings", aliases=("处",)),
    ),
)

_WORKS = Label("处", "works")


def _completed(kind: str) -> str:
    subject = "subject_layer = 'heritage_buildings'"
    return f"{subject} AND kind = '{kind}' AND status = '完工' AND finished >= year_start()"


class Work(Record):
    """A work on a feature (its subject) or at a place."""

    title = Label("工程", "Works")
    standard = "历史文化名城名镇名村保护条例 (国务院令524号); 城市桥梁检测和养护维修管理办法 (建设部令118号)"
    prefix = "SG"
    symbol = Symbol("status", "square", from_zoom=12, size=4)

    kind: Mapped[str] = term("工程类别", "Kind", KIND, aliases=("类别",))
    status: Mapped[str] = term("工程状态", "Status", STATUS, aliases=("状态", "进度"))
    approved_on: Mapped[Date | None] = date("批准日期", "Approved on", aliases=("方案审定日期", "列入计划日期"))
    planned_start: Mapped[Date | None] = date("计划开工", "Planned start")
    started: Mapped[Date | None] = date("开工日期", "Started", aliases=("进场日期",))
    finished: Mapped[Date | None] = date("完工日期", "Finished", aliases=("竣工日期",))
    quantity: Mapped[float | None] = number("工程量", "Quantity", minimum=0, aliases=("数量",))
    unit: Mapped[str] = term("工程量单位", "Unit", UNIT, aliases=("单位",))
    cost: Mapped[float | None] = money("工程投资", "Cost", aliases=("投资", "造价"))
    contractor: Mapped[str | None] = text("施工单位", "Contractor")
    note: Mapped[str | None] = text("工程内容", "What is done", aliases=("内容", "备注"))

    measures = (Sum("cost", Label("工程投资", "Cost of works"), "cost"),)
    figures = (
        Figure("F26", Label("古厝保护修缮", "Old houses repaired this year"), _WORKS, "count", _completed("修缮")),
        Figure("F27", Label("古厝活化利用", "Old houses revived this year"), _WORKS, "count", _completed("活化利用")),
    )
