"""Bridges 桥梁.

Urban bridges: CJJ 99-2017 城市桥梁养护技术标准 4.5, grades A-E. Rural and highway bridges: JTG/T H21-2011 4.1,
classes 1-5. In CJJ 99 grade D is 不合格 and only E is 危险, whatever a report calls 危桥.
"""

from datetime import date as Date  # noqa: N812 - the column kind is called date

from sqlalchemy.orm import Mapped

from layers._fields import date, money, number, term, text
from layers._layer import Figure, Layer, Sum, Symbol
from layers._risk import ByTerm, Risk, Rule, by_people
from layers._vocabulary import Label, Term, Vocabulary

_GRADES = (
    Term("A", "A intact", "A 完好", "#2c7bb6"),
    Term("B", "B good", "B 良好", "#7fb8d6"),
    Term("C", "C fair", "C 合格", "#f0d060"),
    Term("D", "D unqualified", "D 不合格", "#e8743b"),
    Term("E", "E dangerous", "E 危险", "#a50f2d"),
    Term("1类", "class 1", colour="#2c7bb6", aliases=("1", "一类")),
    Term("2类", "class 2", colour="#7fb8d6", aliases=("2", "二类")),
    Term("3类", "class 3", colour="#f0d060", aliases=("3", "三类")),
    Term("4类", "class 4", colour="#e8743b", aliases=("4", "四类")),
    Term("5类", "class 5", colour="#a50f2d", aliases=("5", "五类")),
)
GRADE = Vocabulary("CJJ 99-2017 4.5 (A-E); JTG/T H21-2011 4.1 (1-5类)", _GRADES)
KIND = Vocabulary(
    "CJJ 99-2017; JTG 5120-2021",
    (Term("城市", "urban", aliases=("城市桥梁", "市政")), Term("农村", "rural", aliases=("农村桥梁", "公路"))),
)
STATUS = Vocabulary(
    "城市桥梁检测和养护维修管理办法 (建设部令118号)",
    (Term("通行", "open"), Term("限载", "load limited"), Term("封闭", "closed")),
)
WORK = Vocabulary(
    "本局桥梁台账",
    (
        Term("无", "none"),
        Term("计划", "planned"),
        Term("进场施工", "under work", aliases=("施工中", "在建")),
        Term("完工", "completed", aliases=("已完工",)),
    ),
)
TRAFFIC = Vocabulary("本局桥梁台账", (Term("一般", "ordinary"), Term("较大", "heavy"), Term("特大", "very heavy")))
IMPORTANCE = Vocabulary(
    "CJJ 37-2012 城市道路工程设计规范 3.1",
    (
        Term("快速路", "expressway"),
        Term("主干路", "main road", aliases=("主干道",)),
        Term("次干路", "secondary road"),
        Term("支路", "local road"),
    ),
)
OWNER = Vocabulary("本局桥梁台账", (Term("市管", "city"), Term("区管", "district"), Term("镇管", "town")))


class Bridge(Layer):
    """A bridge, as a point or as its centre line."""

    title = Label("桥梁", "Bridges")
    standard = "CJJ 99-2017; JTG/T H21-2011"
    prefix = "QL"
    geometry = ("Point", "MultiLineString")
    symbol = Symbol(
        "grade", "square", from_zoom=11, size=6, worst=("E", "5类", "D", "4类", "C", "3类", "B", "2类", "A", "1类")
    )

    kind: Mapped[str] = term("类别", "Kind", KIND, aliases=("桥梁类别",))
    road: Mapped[str | None] = text("所在道路", "Road", aliases=("道路",))
    river_code: Mapped[str | None] = text("跨越河道", "River crossed", references="rivers")
    importance: Mapped[str] = term("道路等级", "Road class", IMPORTANCE)
    status: Mapped[str] = term("通行状态", "Traffic status", STATUS)
    grade: Mapped[str] = term("技术状况等级", "Condition grade", GRADE, aliases=("评定等级", "等级"))
    grade_at_start: Mapped[str] = term("年初等级", "Grade at the start of the year", GRADE)
    bci: Mapped[float | None] = number("BCI", "BCI", minimum=0, maximum=100)
    assessed_on: Mapped[Date | None] = date("评定日期", "Assessed on", aliases=("检测日期",))
    agency: Mapped[str | None] = text("检测机构", "Agency")
    load_limit_t: Mapped[float | None] = number("限载", "Load limit", unit="t", minimum=0)
    span_m: Mapped[float | None] = number("桥长", "Length of the bridge", unit="m", minimum=0)
    built_year: Mapped[float | None] = number("建成年份", "Built in", minimum=1000, maximum=2200)
    owner: Mapped[str] = term("管养单位", "Kept by", OWNER)
    traffic: Mapped[str] = term("交通量", "Traffic", TRAFFIC)
    people: Mapped[float | None] = number("影响人口", "People affected", unit="人", minimum=0)
    work: Mapped[str] = term("整治进度", "Repair work", WORK)
    work_start: Mapped[Date | None] = date("开工日期", "Work started")
    work_end: Mapped[Date | None] = date("完工日期", "Work finished")
    cost: Mapped[float | None] = money("整治投资", "Cost of the work")

    measures = (Sum("cost", Label("整治投资", "Cost of works"), "cost"),)
    figures = (
        Figure(
            "F52",
            Label("年初 D 级桥梁", "Bridges of grade D at the start of the year"),
            Label("座", "bridges"),
            where="grade_at_start = 'D'",
        ),
        Figure(
            "F53",
            Label("其中已完成整治", "of these, repaired"),
            Label("座", "bridges"),
            where="grade_at_start = 'D' AND work = '完工'",
        ),
        Figure(
            "F54a",
            Label("其中已进场施工", "of these, under work"),
            Label("座", "bridges"),
            where="grade_at_start = 'D' AND work = '进场施工'",
        ),
        Figure(
            "F54b",
            Label("其中计划开工", "of these, planned"),
            Label("座", "bridges"),
            where="grade_at_start = 'D' AND work = '计划'",
        ),
        Figure(
            "F55",
            Label("农村道路桥梁排查无隐患", "Rural bridges inspected, no hazard"),
            Label("座", "bridges"),
            where="kind = '农村' AND assessed_on IS NOT NULL AND open_hazards = 0",
        ),
    )
    risk = Risk(
        condition=ByTerm("grade", {g: i for i, g in enumerate("ABCDE", 1)} | {f"{i}类": i for i in range(1, 6)}),
        inspected="assessed_on",
        every_days=365,
        environment=(ByTerm("traffic", {"一般": 1, "较大": 3, "特大": 5}),),
        people=by_people(),
        criticality=ByTerm("importance", {"快速路": 5, "主干路": 4, "次干路": 3, "支路": 2}),
        control=ByTerm("work", {"无": 1, "计划": 1, "进场施工": 0.7, "完工": 1}),
        rules=(
            Rule(
                "bridge-dangerous-open",
                Label("E 级或 5 类桥仍在通行", "grade E or class 5 and open to traffic"),
                "红",
                "grade IN ('E', '5类') AND status <> '封闭'",
            ),
            Rule(
                "bridge-unqualified-untreated",
                Label("D 级或 4 类桥尚未进场整治", "grade D or class 4 and not under repair"),
                "橙",
                "grade IN ('D', '4类') AND work <> '进场施工'",
            ),
        ),
    )
