"""The risk of every feature, as one SQL statement: "LS with traced factors", four colours.

Likelihood L = 0.6 max(f) + 0.4 mean(f) over four weighted factors of 1 to 5; under control L' = 1 + m (L - 1); severity
S is the greatest of people, criticality and value; R = L' S, from 1 to 25; cuts give the colour; direct rules only
raise it. Missing data count as neutral and are marked, never taken as safe. Weights and cuts are a proposal in a
versioned configuration, no standard: the result supports judgement and replaces no legal finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Numeric,
    Select,
    Subquery,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, array

from gis_service.database import risk_configs
from gis_service.derived import is_open, is_overdue
from gis_service.errors import UnknownName
from gis_service.filters import where
from layers import LEVELS, ByTerm, Label, Layer, Risk, RiskConfig, Rule, Score, ledger, registry

FACTORS = {
    "condition": Label("状况", "Condition"),
    "hazards": Label("隐患", "Hazards"),
    "time": Label("检查时效", "Time since inspection"),
    "environment": Label("环境", "Environment"),
}
SEVERITY = {
    "people": Label("人员", "People"),
    "criticality": Label("重要性", "Criticality"),
    "value": Label("价值", "Value"),
}
COLOURS = tuple(reversed(LEVELS.codes[:4]))
"""蓝 黄 橙 红: a level's rank is its place here, from 1."""

HAZARD_RULES = (
    Rule("hazard-major-open", Label("有未闭环的重大隐患", "a major hazard is open"), "红", "major"),
    Rule("hazard-long-overdue", Label("隐患逾期超过规定天数", "a hazard is long overdue"), "黄", "late"),
)
"""Direct rules of every layer; `where` names the count of hazards that fires them."""


Counts = dict[str, ColumnElement[int]]


@dataclass(frozen=True)
class Model:
    """The model in force: a configuration, its version, and the day it is read for."""

    config: RiskConfig
    version: int
    today: date


def model(connection: Connection, today: date) -> Model:
    """Return the newest configuration, read for a day."""
    version, config = risk_configs.newest(connection)
    return Model(config, version, today)


def with_risk(layer: type[Layer]) -> Risk:
    """Return a layer's declaration of risk.

    Raises
    ------
    UnknownName
        Where it declares none; with the layers that do.
    """
    if layer.risk is None:
        what = Label("有风险模型的图层", "layer with a risk model")
        raise UnknownName(what, layer.__tablename__, [name for name, other in registry().items() if other.risk])
    return layer.risk


def rules_of(risk: Risk) -> tuple[Rule, ...]:
    """Return every direct rule that may fire for a layer."""
    return (*risk.rules, *HAZARD_RULES)


def scored(layer: type[Layer], model: Model, codes: Sequence[str] | None = None) -> Select[Any]:
    """Return the SELECT that scores every feature of a layer, or those of some codes.

    Columns: `id`, `code`, `area_code`; each factor and severity part, null where missing; `control` (m), `likelihood`,
    `controlled`, `severity`, `score` (1-25), `rank` by score and rules (蓝 1 to 红 4), `rules` (ids that fired),
    `open_hazards`, `completeness` (0-1).
    """
    facts, config = _facts(layer, model, codes).subquery("facts"), model.config
    factors = {name: func.coalesce(facts.c[name], config.neutral) for name in FACTORS}
    weight = sum(config.weights.values())
    mean = _sum(config.weights[name] * f for name, f in factors.items()) / weight
    known = _sum(case((facts.c[name].is_not(None), config.weights[name]), else_=0.0) for name in FACTORS) / weight
    parts = select(
        facts,
        (config.worst * func.greatest(*factors.values()) + (1 - config.worst) * mean).label("likelihood"),
        func.coalesce(func.greatest(*(facts.c[name] for name in SEVERITY)), config.neutral).label("severity"),
        known.label("completeness"),
    ).subquery("parts")
    controlled = 1 + parts.c.control * (parts.c.likelihood - 1)
    score = controlled * parts.c.severity
    rank = func.greatest(rank_of(score, config), parts.c.raised)
    return select(parts, controlled.label("controlled"), score.label("score"), rank.label("rank"))


def shown(result: Subquery) -> list[ColumnElement[Any]]:
    """Return what maps draw of scored rows: `score`, `level`, `completeness`."""
    return [
        func.round(cast(result.c.score, Numeric), 2).label("score"),
        case(dict(enumerate(COLOURS, 1)), value=result.c.rank).label("level"),
        func.round(cast(result.c.completeness, Numeric), 2).label("completeness"),
    ]


def rank_of(score: ColumnElement[float], config: RiskConfig) -> ColumnElement[int]:
    """Return the rank of a score's colour: 1 for 蓝 to 4 for 红."""
    cuts = sorted(config.cuts.items(), key=lambda cut: -cut[1])
    return case(*((score >= cut, COLOURS.index(level) + 1) for level, cut in cuts), else_=1)


def _facts(layer: type[Layer], model: Model, codes: Sequence[str] | None) -> Select[Any]:
    """Return what the score is made of, read from the records."""
    risk, table, hazards = with_risk(layer), layer.__table__, _hazards(layer, model, codes)
    count: Counts = {name: func.coalesce(hazards.c[name], 0) for name in ("open", "overdue", "major", "late")}
    fired = {rule: where(layer, rule.where, model.today) for rule in risk.rules}
    fired |= {rule: count[rule.where] > 0 for rule in HAZARD_RULES}
    ids: ColumnElement[Any] = array([case((c, rule.id), else_=null()) for rule, c in fired.items()], type_=Text())
    raised = [case((condition, COLOURS.index(rule.at_least) + 1), else_=0) for rule, condition in fired.items()]
    environment = [_score(layer, score) for score in risk.environment]
    facts = select(
        table.c.id,
        table.c.code,
        table.c.area_code,
        _score(layer, risk.condition).label("condition"),
        _hazard_factor(count).label("hazards"),
        _time_factor(layer, risk, model).label("time"),
        (func.greatest(*environment) if environment else literal(1.0)).label("environment"),
        *(_score(layer, getattr(risk, name)).label(name) for name in SEVERITY),
        func.coalesce(_score(layer, risk.control), 1.0).label("control"),
        func.array_remove(ids, null()).label("rules"),
        func.greatest(*raised).label("raised"),
        count["open"].label("open_hazards"),
    ).outerjoin_from(table, hazards, hazards.c.subject_code == table.c.code)
    return facts if codes is None else facts.where(among(table.c.code, codes))


def among(code: ColumnElement[Any], codes: Sequence[str]) -> ColumnElement[bool]:
    """Select these codes."""
    return code == func.any(cast(list(codes), ARRAY(Text)))


def _score(layer: type[Layer], score: Score | None) -> ColumnElement[Any]:
    """Return a declared score as SQL, null where it is not declared or its field holds nothing to score."""
    if score is None:
        return cast(null(), Double)
    column: ColumnElement[Any] = layer.__table__.c[score.field]
    if isinstance(score, ByTerm):
        return case({term: float(value) for term, value in score.scores.items()}, value=column, else_=null())
    if score.over:
        column = column / func.nullif(layer.__table__.c[score.over], 0)
    steps = ((column < limit, float(value)) for limit, value in score.steps)
    return case((column.is_(None), null()), *steps, else_=float(score.beyond))


def _time_factor(layer: type[Layer], risk: Risk, model: Model) -> ColumnElement[Any]:
    """Score days since inspection over the interval required; what was never inspected scores worst."""
    if not risk.inspected:
        return literal(1.0)
    inspected: ColumnElement[Any] = layer.__table__.c[risk.inspected]
    ratio = (literal(model.today) - inspected) / float(risk.every_days)
    never = float(model.config.never_inspected)
    steps = ((ratio <= limit, float(value)) for limit, value in model.config.time_steps)
    return case((inspected.is_(None), never), *steps, else_=never)


def _hazard_factor(count: Counts) -> ColumnElement[float]:
    """Score open hazards: a major one 5; an overdue one or five open 4; two open 3; one 2; none 1."""
    several, many = 2, 5
    return case(
        (count["major"] > 0, 5.0),
        (or_(count["overdue"] > 0, count["open"] >= many), 4.0),
        (count["open"] >= several, 3.0),
        (count["open"] > 0, 2.0),
        else_=1.0,
    )


def _hazards(layer: type[Layer], model: Model, codes: Sequence[str] | None) -> Subquery:
    """Count the open hazards of each feature of a layer: all, overdue, major, and long overdue."""
    hazards = ledger()
    overdue = is_overdue(model.today)
    late = and_(overdue, literal(model.today) - hazards.deadline > model.config.overdue_days)
    counted = {"open": None, "overdue": overdue, "major": hazards.level == hazards.major, "late": late}
    return (
        select(
            hazards.subject_code,
            *(
                (func.count() if only is None else func.count().filter(only)).label(name)
                for name, only in counted.items()
            ),
        )
        .where(hazards.subject_layer == layer.__tablename__, is_open())
        .where(literal(value=True) if codes is None else among(hazards.__table__.c.subject_code, codes))
        .group_by(hazards.subject_code)
        .subquery("hazards_of")
    )


def _sum(terms: Any) -> Any:  # noqa: ANN401 - SQL expressions of numbers
    first, *rest = terms
    return sum(rest, first)


def layers_with_risk(names: Sequence[str] = ()) -> list[type[Layer]]:
    """Return the layers that declare a risk, all or those named."""
    return [layer for name, layer in registry().items() if layer.risk and (not names or name in names)]
