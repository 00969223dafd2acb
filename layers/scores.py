"""Scores 记分: what firms and persons answer for at a site, in points.

福建省建设工程质量安全动态监管办法: the supervising department scores four parties, 施工企业 with its 项目经理 and
监理单位 with its 项目总监, by clauses; a firm's points and its person's are recorded each, never added to each other.
"""

from datetime import date as Date  # noqa: N812 - the column kind is called date

from sqlalchemy.orm import Mapped

from layers._fields import date, number, term, text
from layers._layer import Figure, Sum, Symbol
from layers._ledger import Record
from layers._vocabulary import Label, Term, Vocabulary

PARTY = Vocabulary(
    "福建省建设工程质量安全动态监管办法",
    (
        Term("施工单位", "contractor", colour="#1f5f99", aliases=("施工企业",)),
        Term("项目经理", "project manager", colour="#6aaed6"),
        Term("监理单位", "supervising firm", colour="#b04a7c", aliases=("监理企业",)),
        Term("项目总监", "chief supervisor", colour="#e0872b", aliases=("总监", "总监理工程师")),
    ),
)


def _of(party: str) -> str:
    return f"party = '{party}' AND scored_on >= year_start()"


class Score(Record):
    """A score of one party at a site (its subject)."""

    title = Label("记分", "Scores")
    standard = "福建省建设工程质量安全动态监管办法"
    prefix = "JF"
    symbol = Symbol("party", "circle", from_zoom=12, size=4)

    party: Mapped[str] = term("记分对象", "Party", PARTY, aliases=("对象",))
    party_name: Mapped[str | None] = text("单位或姓名", "Firm or person", aliases=("单位", "姓名"))
    points: Mapped[float | None] = number("记分", "Points", unit="分", minimum=0, aliases=("分值", "扣分"))
    scored_on: Mapped[Date | None] = date("记分日期", "Scored on", aliases=("日期",))
    clause: Mapped[str | None] = text("记分条款", "Clause", aliases=("条款",))
    basis: Mapped[str | None] = text("记分依据", "Basis", aliases=("依据",))

    measures = (Sum("points", Label("记分合计", "Points"), "points", "分"),)
    figures = (
        Figure(
            "F66",
            Label("施工单位记分（项目经理同分）", "Contractors scored (managers as much)"),
            Label("分", "points"),
            "points",
            _of("施工单位"),
            precision=2,
        ),
        Figure(
            "F67",
            Label("监理单位记分（总监同分）", "Supervising firms scored (chiefs as much)"),
            Label("分", "points"),
            "points",
            _of("监理单位"),
            precision=2,
        ),
    )
