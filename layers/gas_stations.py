"""LPG bottled supply stations 液化气瓶装供应站.

GB 51142-2015 液化石油气供应工程设计规范 ch. 8: class by V = cylinders x volume of one; table 8.0.4 gives the fire
separation of the cylinder store. A distance here is a screening hint (需现场核实), never a legal verdict.
"""

from datetime import date as Date  # noqa: N812 - the column kind is called date

from sqlalchemy.orm import Mapped

from layers._fields import date, number, term, text
from layers._layer import Figure, Layer, Symbol
from layers._risk import BySteps, ByTerm, Risk, Rule, by_people
from layers._vocabulary import Label, Term, Vocabulary

STATUS = Vocabulary(
    "城镇燃气管理条例",
    (
        Term("正常", "operating", colour="#2c7bb6", aliases=("正常经营",)),
        Term("停业整顿", "suspended", colour="#ee9a3a", aliases=("停业",)),
        Term("关停", "closed down", colour="#5b6472", aliases=("已关停", "关闭")),
    ),
)
STATION_CLASS = Vocabulary(
    "GB 51142-2015 8.0.1: Ⅰ 6<V<=20 m³, Ⅱ 1<V<=6, Ⅲ V<=1",
    (
        Term("Ⅰ类", "class I", aliases=("I类", "I", "1")),
        Term("Ⅱ类", "class II", aliases=("II类", "II", "2")),
        Term("Ⅲ类", "class III", aliases=("III类", "III", "3")),
    ),
)
LICENCE = Vocabulary(
    "城镇燃气管理条例 art. 15 燃气经营许可证",
    (Term("有效", "valid"), Term("过期", "expired"), Term("无证", "none")),
)
CHECK_RESULT = Vocabulary(
    "本局燃气安全检查", (Term("合格", "passed"), Term("有问题", "with findings"), Term("不合格", "failed"))
)


class GasStation(Layer):
    """An LPG supply station, as the point of its cylinder store or as its site."""

    title = Label("液化气供应站", "LPG stations")
    standard = "GB 51142-2015; 建城规〔2023〕4号"
    prefix = "RQ"
    geometry = ("Point", "MultiPolygon")
    symbol = Symbol("status", "triangle", from_zoom=10, size=8, worst=("停业整顿", "关停", "正常"))

    status: Mapped[str] = term("经营状态", "Status", STATUS, aliases=("状态",))
    station_class: Mapped[str] = term("站点类别", "Class", STATION_CLASS, aliases=("类别",))
    operator: Mapped[str | None] = text("经营企业", "Operator", aliases=("企业", "brand"))
    address: Mapped[str | None] = text("地址", "Address")
    licence: Mapped[str] = term("经营许可证", "Licence", LICENCE)
    licence_until: Mapped[Date | None] = date("许可证有效期", "Licence valid until")
    cylinders: Mapped[float | None] = number("存瓶数", "Cylinders stored", unit="瓶", minimum=0)
    volume_m3: Mapped[float | None] = number("总容积", "Total volume", unit="m³", minimum=0)
    separation_m: Mapped[float | None] = number(
        "与最近重要建筑距离", "Distance to the nearest important building", unit="m", minimum=0
    )
    required_m: Mapped[float | None] = number("应有防火间距", "Separation required", unit="m", minimum=0)
    checked_on: Mapped[Date | None] = date("最近检查", "Last checked")
    check_result: Mapped[str] = term("检查结果", "Result of the check", CHECK_RESULT)
    closed_on: Mapped[Date | None] = date("关停日期", "Closed on")
    people: Mapped[float | None] = number("影响人口", "People affected", unit="人", minimum=0)

    figures = (
        Figure("F75", Label("液化气供应站点", "LPG stations"), Label("家", "stations")),
        Figure("F77", Label("关停供应站点", "Stations closed down"), Label("家", "stations"), where="status = '关停'"),
    )
    risk = Risk(
        condition=ByTerm("check_result", {"合格": 1, "有问题": 3, "不合格": 5}),
        inspected="checked_on",
        every_days=30,
        environment=(BySteps("separation_m", ((1, 5), (1.25, 4), (1.5, 3), (2, 2)), beyond=1, over="required_m"),),
        people=by_people(),
        criticality=ByTerm("station_class", {"Ⅰ类": 5, "Ⅱ类": 4, "Ⅲ类": 3}),
        control=ByTerm("status", {"正常": 1, "停业整顿": 0.7, "关停": 0.5}),
        rules=(
            Rule(
                "gas-no-licence",
                Label("无燃气经营许可证仍在经营", "operating without a licence"),
                "红",
                "licence = '无证' AND status = '正常'",
            ),
        ),
    )
