"""Project sites 项目: investment, progress and, where the ground is open, its dangers.

Investment in three sums kept apart (总投资, 年度计划投资, 完成投资 of the year and to date); 危大工程 by 住建部令37号
(2018) and 建办质〔2018〕31号. Programmes overlap, and their figures must never be added to each other.
"""

from datetime import date as Date  # noqa: N812 - the column kind is called date

from sqlalchemy.orm import Mapped

from layers._fields import date, money, number, term, text
from layers._layer import Figure, Layer, Ratio, Sum, Symbol
from layers._risk import BySteps, ByTerm, Risk, by_people
from layers._vocabulary import Label, Term, Vocabulary

PROGRAMME = Vocabulary(
    "本局2023年项目计划",
    (
        Term("城市更新品质提升", "urban renewal"),
        Term("市属城建项目竞赛", "city project contest"),
        Term("交通治堵", "congestion relief"),
        Term("其他", "other"),
    ),
)
CATEGORY = Vocabulary(
    "本局2023年项目计划",
    (
        Term("宜居建设工程", "liveable housing"),
        Term("绿色人文工程", "green and cultural"),
        Term("交通畅达工程", "traffic flow"),
        Term("安全韧性工程", "safety and resilience"),
        Term("智慧管理工程", "smart management"),
        Term("房建", "buildings"),
        Term("市政", "municipal works"),
        Term("园林", "parks"),
        Term("房管", "housing management"),
        Term("水系", "waterways"),
        Term("地铁", "metro"),
        Term("快速互联", "fast links"),
        Term("重大节点", "major junctions"),
        Term("配套路网", "local road network"),
        Term("其他", "other"),
    ),
)
STATUS = Vocabulary(
    "本局项目台账",
    (
        Term("前期", "preparation", colour="#9aa3af", aliases=("计划", "未开工", "planned")),
        Term("在建", "under construction", colour="#e08a1e", aliases=("施工中", "construction")),
        Term("停工", "suspended", colour="#a50f2d"),
        Term("完工", "completed", colour="#2c7bb6", aliases=("已完工", "竣工")),
    ),
)
DANGER = Vocabulary(
    "住建部令37号 (2018-06-01); 建办质〔2018〕31号",
    (
        Term("无", "none"),
        Term("危大", "dangerous works", "危大工程"),
        Term("超规模", "dangerous works above scale", "超过一定规模的危大工程"),
    ),
)
SITE_RATING = Vocabulary(
    "JGJ 59-2011 建筑施工安全检查标准",
    (Term("优良", "good"), Term("合格", "passed"), Term("不合格", "failed")),
)

_RENEWAL, _CONTEST, _TRAFFIC = (f"programme = '{p}'" for p in PROGRAMME.codes[:3])
_PROJECTS, _KINDS, _PERCENT = Label("个", "projects"), Label("类", "categories"), Label("%", "%")


def _yi(key: str, label: Label, measure: str, where: str, qualifier: str = "") -> Figure:
    """Report a sum of 万元 in 亿元, as the report does."""
    return Figure(key, label, Label("亿元", "100 million yuan"), measure, where, 1e-4, 2, qualifier)


class ProjectSite(Layer):
    """A project, as a point or as the outline of its site."""

    title = Label("项目", "Project sites")
    standard = "住建部令37号; JGJ 59-2011"
    prefix = "XM"
    geometry = ("Point", "MultiPolygon")
    symbol = Symbol("status", "circle", from_zoom=10, size=7)

    programme: Mapped[str] = term("计划", "Programme", PROGRAMME)
    category: Mapped[str] = term("类别", "Category", CATEGORY)
    status: Mapped[str] = term("状态", "Status", STATUS)
    unit: Mapped[str | None] = text("责任单位", "Responsible unit", aliases=("业主单位",))
    total_investment: Mapped[float | None] = money("总投资", "Total investment")
    planned_investment: Mapped[float | None] = money("年度计划投资", "Planned for the year")
    done_investment: Mapped[float | None] = money("年度完成投资", "Done in the year")
    done_to_date: Mapped[float | None] = money("累计完成投资", "Done to date")
    progress: Mapped[float | None] = number("形象进度", "Progress", unit="%", minimum=0, maximum=100)
    start_planned: Mapped[Date | None] = date("计划开工", "Planned start")
    start_actual: Mapped[Date | None] = date("实际开工", "Actual start")
    end_planned: Mapped[Date | None] = date("计划竣工", "Planned completion")
    end_actual: Mapped[Date | None] = date("实际竣工", "Actual completion")
    danger: Mapped[str] = term("危大工程", "Dangerous works", DANGER)
    pit_depth_m: Mapped[float | None] = number("基坑深度", "Depth of the pit", unit="m", minimum=0)
    rating: Mapped[str] = term("安全评定", "Safety rating", SITE_RATING)
    checked_on: Mapped[Date | None] = date("最近检查", "Last checked")
    people: Mapped[float | None] = number("影响人口", "People affected", unit="人", minimum=0)

    measures = (
        Sum("total_investment", Label("总投资", "Total investment"), "total_investment"),
        Sum("planned_investment", Label("年度计划投资", "Planned for the year"), "planned_investment"),
        Sum("done_investment", Label("年度完成投资", "Done in the year"), "done_investment"),
        Sum("done_to_date", Label("累计完成投资", "Done to date"), "done_to_date"),
        Ratio(
            "plan_ratio",
            Label("年度计划完成率", "Share of the year's plan done"),
            "done_investment",
            "planned_investment",
            Label("年度计划投资", "planned for the year"),
        ),
        Ratio(
            "total_ratio",
            Label("累计完成占总投资", "Share of the total investment done"),
            "done_to_date",
            "total_investment",
            Label("总投资", "total investment"),
        ),
    )
    figures = (
        Figure("F02", Label("城市更新项目类别", "Renewal: categories"), _KINDS, "distinct:category", _RENEWAL),
        Figure("F03", Label("城市更新品质提升项目", "Renewal: projects"), _PROJECTS, "count", _RENEWAL),
        _yi("F04", Label("年度计划投资", "Renewal: planned for the year"), "planned_investment", _RENEWAL),
        Figure(
            "F05",
            Label("已完成项目", "Renewal: completed"),
            _PROJECTS,
            "count",
            f"{_RENEWAL} AND status = '完工'",
        ),
        _yi("F06", Label("累计完成投资额", "Renewal: done"), "done_investment", _RENEWAL, "约"),
        Figure(
            "F07", Label("占年度计划", "Renewal: of the year's plan"), _PERCENT, "plan_ratio", _RENEWAL, precision=2
        ),
        Figure("F09", Label("竞赛项目类别", "Contest: categories"), _KINDS, "distinct:category", _CONTEST),
        Figure("F10", Label("竞赛项目", "Contest: projects"), _PROJECTS, "count", _CONTEST),
        _yi("F11", Label("总投资", "Contest: total investment"), "total_investment", _CONTEST),
        _yi("F12", Label("年度计划投资", "Contest: planned for the year"), "planned_investment", _CONTEST),
        _yi("F13", Label("已完成年度投资额", "Contest: done in the year"), "done_investment", _CONTEST),
        Figure("F14", Label("完成率", "Contest: of the year's plan"), _PERCENT, "plan_ratio", _CONTEST, precision=2),
        Figure("F15", Label("交通治堵硬件项目", "Congestion: projects"), _PROJECTS, "count", _TRAFFIC),
        _yi("F16", Label("总投资", "Congestion: total investment"), "total_investment", _TRAFFIC, "约"),
        _yi("F17", Label("已完成投资", "Congestion: done to date"), "done_to_date", _TRAFFIC),
        Figure("F18", Label("占总投资", "Congestion: of the total"), _PERCENT, "total_ratio", _TRAFFIC),
    )
    risk = Risk(
        condition=ByTerm("rating", {"优良": 1, "合格": 2, "不合格": 4}),
        inspected="checked_on",
        every_days=30,
        environment=(ByTerm("danger", {"无": 1, "危大": 3, "超规模": 5}),),
        people=by_people(),
        value=BySteps("total_investment", ((1_000, 1), (5_000, 2), (20_000, 3), (100_000, 4)), beyond=5),
        control=ByTerm("status", {"前期": 0.5, "在建": 1, "停工": 1, "完工": 0.5}),
    )
