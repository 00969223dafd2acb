"""Rivers 内河/河道.

防洪法 art. 21 (management range); 城市黑臭水体整治工作指南 (2015) for black-odour grades;
GB 3838-2002 for water quality.
Lines run downstream: the first point is the source, the last the mouth.
"""

from datetime import date as Date  # noqa: N812 - the column kind is called date

from sqlalchemy.orm import Mapped

from layers._fields import date, number, term, text
from layers._layer import Figure, Layer, Symbol
from layers._risk import ByTerm, Risk, by_people
from layers._vocabulary import Label, Term, Vocabulary

STATUS = Vocabulary(
    "本局水系台账",
    (
        Term("建成开放", "open", colour="#1f6fb2", aliases=("已建成", "开放")),
        Term("整治中", "under remediation", colour="#d9822b", aliases=("在整治", "治理中")),
        Term("规划", "planned", colour="#8c6bb1"),
    ),
)
WATER_GRADE = Vocabulary(
    "GB 3838-2002 地表水环境质量标准",
    tuple(
        Term(g, f"class {i}" if i < 6 else "worse than V") for i, g in enumerate(["Ⅰ", "Ⅱ", "Ⅲ", "Ⅳ", "Ⅴ", "劣Ⅴ"], 1)
    ),
)
BLACK_ODOUR = Vocabulary(
    "城市黑臭水体整治工作指南 (2015) 表1",
    (Term("正常", "none"), Term("轻度", "light"), Term("重度", "heavy")),
)
INTERCEPTION = Vocabulary(
    "本局水系台账",
    (
        Term("已完成", "complete"),
        Term("临时截污", "temporary"),
        Term("未截污", "none"),
    ),
)
IMPORTANCE = Vocabulary(
    "本局水系台账",
    (Term("主干", "main channel"), Term("次干", "secondary"), Term("支流", "branch")),
)


class River(Layer):
    """An inner river, drawn as its centre line in the direction of flow."""

    title = Label("内河", "Rivers")
    standard = "城市黑臭水体整治工作指南 (2015); GB 3838-2002"
    prefix = "HD"
    geometry = ("MultiLineString",)
    symbol = Symbol("status", "line", size=3)

    status: Mapped[str] = term("状态", "Status", STATUS)
    importance: Mapped[str] = term("河道等级", "Importance", IMPORTANCE, aliases=("等级",))
    catchment: Mapped[str | None] = text("水系", "Catchment", aliases=("流域",))
    width_m: Mapped[float | None] = number("河宽", "Width", unit="m", minimum=0, aliases=("宽度",))
    mgmt_width_m: Mapped[float | None] = number("管理范围宽度", "Management width", unit="m", minimum=0)
    water_grade: Mapped[str] = term("水质类别", "Water quality", WATER_GRADE, aliases=("水质",))
    black_odour: Mapped[str] = term("黑臭程度", "Black-odour grade", BLACK_ODOUR)
    sampled_on: Mapped[Date | None] = date("采样日期", "Sampled on")
    interception: Mapped[str] = term("截污情况", "Sewage interception", INTERCEPTION)
    chief: Mapped[str | None] = text("河长", "River chief")
    people: Mapped[float | None] = number("影响人口", "People affected", unit="人", minimum=0)

    figures = (
        Figure("F19", Label("已建成开放河道", "Open rivers"), Label("条", "rivers"), where="status = '建成开放'"),
        Figure(
            "F20",
            Label("河道总长度", "Length of open rivers"),
            Label("公里", "km"),
            measure="length_km",
            where="status = '建成开放'",
            qualifier="约",
        ),
    )
    risk = Risk(
        condition=ByTerm("black_odour", {"正常": 1, "轻度": 4, "重度": 5}),
        inspected="sampled_on",
        every_days=90,
        people=by_people(),
        criticality=ByTerm("importance", {"主干": 4, "次干": 3, "支流": 2}),
        control=ByTerm("interception", {"已完成": 0.85, "临时截污": 0.85, "未截污": 1}),
    )
