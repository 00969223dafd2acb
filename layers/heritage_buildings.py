"""Heritage buildings 历史建筑/古厝.

历史文化名城名镇名村保护条例 (国务院令524号): levels and protection;
福州市历史建筑保护管理办法: announcement in batches.
古厝 is a local word, not a legal level.
"""

from datetime import date as Date  # noqa: N812 - the column kind is called date

from sqlalchemy.orm import Mapped

from layers._fields import date, number, term, text
from layers._layer import Figure, Layer, Symbol
from layers._risk import ByTerm, Risk, by_people
from layers._vocabulary import Label, Term, Vocabulary

LEVEL = Vocabulary(
    "历史文化名城名镇名村保护条例; 文物保护法",
    (
        Term("全国重点文物保护单位", "national monument", colour="#5e2a84", aliases=("国保",)),
        Term("省级文物保护单位", "provincial monument", colour="#7b4ba3", aliases=("省保",)),
        Term("市县级文物保护单位", "city or county monument", colour="#9d77bf", aliases=("市保", "区保", "县保")),
        Term("登记点", "registered site", "登记点（不可移动文物）", "#b9a0cf", aliases=("尚未核定的不可移动文物",)),
        Term("历史建筑", "historic building", colour="#a6611a"),
        Term("传统风貌建筑", "building of traditional style", colour="#d9a75c"),
        Term("其他古厝", "other old house", colour="#9c9583", aliases=("古厝",)),
    ),
)
ANNOUNCEMENT = Vocabulary(
    "福州市历史建筑保护管理办法 (试行)",
    (
        Term("普查登记", "surveyed"),
        Term("推荐", "recommended"),
        Term("公示", "under public notice"),
        Term("公布", "announced"),
    ),
)
STRUCTURE = Vocabulary(
    "GB/T 50357-2018",
    (Term("木", "timber"), Term("砖木", "brick and timber"), Term("石", "stone"), Term("砖混", "brick and concrete")),
)
CONDITION = Vocabulary(
    "本局古厝巡查", (Term("良好", "good"), Term("一般", "fair"), Term("较差", "poor"), Term("很差", "very bad"))
)
USE = Vocabulary(
    "本局古厝台账",
    (
        Term("空置", "vacant"),
        Term("自用", "own use"),
        Term("租养", "let for upkeep"),
        Term("公共", "public use"),
    ),
)
WORK = Vocabulary(
    "本局古厝台账",
    (
        Term("无", "none"),
        Term("方案已定", "agreed"),
        Term("施工中", "under work"),
        Term("完工", "completed"),
    ),
)


class HeritageBuilding(Layer):
    """A protected or listed old building, as a point or as its outline."""

    title = Label("历史建筑与古厝", "Heritage buildings")
    standard = "历史文化名城名镇名村保护条例 (国务院令524号); GB/T 50357-2018"
    prefix = "GC"
    geometry = ("Point", "MultiPolygon")
    symbol = Symbol("level", "diamond", from_zoom=11, size=7)

    level: Mapped[str] = term("保护级别", "Level", LEVEL, aliases=("级别",))
    announcement: Mapped[str] = term("公布状态", "Announcement", ANNOUNCEMENT, aliases=("状态",))
    batch: Mapped[str | None] = text("公布批次", "Batch", aliases=("批次",))
    structure: Mapped[str] = term("结构", "Structure", STRUCTURE, aliases=("结构类型",))
    era: Mapped[str | None] = text("年代", "Era")
    floor_area_m2: Mapped[float | None] = number("建筑面积", "Floor area", unit="m²", minimum=0, aliases=("面积",))
    condition: Mapped[str] = term("保存状况", "Condition", CONDITION)
    use: Mapped[str] = term("使用情况", "Use", USE)
    address: Mapped[str | None] = text("地址", "Address")
    patrolled_on: Mapped[Date | None] = date("最近巡查", "Last patrol", aliases=("巡查日期",))
    people: Mapped[float | None] = number("影响人口", "People affected", unit="人", minimum=0)
    repair: Mapped[str] = term("修缮", "Repair", WORK)
    repaired_on: Mapped[Date | None] = date("修缮完成", "Repair completed")
    revival: Mapped[str] = term("活化利用", "Revival", WORK)
    revived_on: Mapped[Date | None] = date("活化利用完成", "Revival completed")

    figures = (
        Figure(
            "F28",
            Label("推荐公布历史建筑", "Historic buildings recommended"),
            Label("处", "buildings"),
            where="level = '历史建筑' AND announcement = '推荐'",
        ),
        Figure(
            "F29",
            Label("推荐公布传统风貌建筑", "Traditional-style buildings recommended"),
            Label("处", "buildings"),
            where="level = '传统风貌建筑' AND announcement = '推荐'",
        ),
        Figure("F30", Label("上线租养平台", "On the letting platform"), Label("处", "buildings"), where="use = '租养'"),
    )
    risk = Risk(
        condition=ByTerm("condition", {"良好": 1, "一般": 2, "较差": 4, "很差": 5}),
        inspected="patrolled_on",
        every_days=30,
        environment=(ByTerm("structure", {"木": 3, "砖木": 3, "石": 1, "砖混": 1}),),
        people=by_people(),
        value=ByTerm(
            "level",
            {
                "全国重点文物保护单位": 5,
                "省级文物保护单位": 5,
                "市县级文物保护单位": 4,
                "登记点": 4,
                "历史建筑": 4,
                "传统风貌建筑": 3,
                "其他古厝": 2,
            },
        ),
        control=ByTerm("repair", {"无": 1, "方案已定": 0.85, "施工中": 0.7, "完工": 1}),
    )
