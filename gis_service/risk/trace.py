"""A score opened to its factors, their sources and the rules that fired: whoever sees a colour can ask why."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, RowMapping, select

from gis_service.derived import is_open
from gis_service.features import unknown_feature
from gis_service.risk.score import COLOURS, FACTORS, SEVERITY, Model, rules_of, scored, with_risk
from layers import LEVELS, BySteps, Label, Language, Layer, Risk, Score, ledger

NOTE = Label(
    "辅助研判，不替代法定判定；权重与分级为本系统的建议值。",
    "Supports judgement and replaces no legal finding; weights and cuts are a proposal of this system.",
)


def explain(connection: Connection, layer: type[Layer], code: str, model: Model, language: Language) -> dict[str, Any]:
    """Return one feature's score with its trace.

    `score` is 1 to 25, `level` one of 红 橙 黄 蓝. The factors' contributions add up to `likelihood`, and
    (1 + m (likelihood - 1)) x severity is the score.

    Raises
    ------
    UnknownName
        Where the layer has no risk model, or no such feature.
    """
    trace = _Trace(with_risk(layer), layer, model, language)
    result, table = scored(layer, model, (code,)).subquery("scored"), layer.__table__
    read = [table.c[name].label(f"field_{name}") for name in ("name", *trace.fields)]
    found = select(result, *read).join_from(result, table, table.c.id == result.c.id).where(table.c.code == code)
    row = connection.execute(found).mappings().first()
    if row is None:
        raise unknown_feature(connection, layer, code)
    level = LEVELS[COLOURS[row["rank"] - 1]]
    return {
        "layer": layer.__tablename__,
        "code": code,
        "name": row["field_name"],
        "area_code": row["area_code"],
        "as_of": model.today,
        "score": round(row["score"], 4),
        "score_100": round(row["score"] * 4, 1),
        "level": level.code,
        "label": level.label.in_(language),
        "colour": level.colour,
        "completeness": round(row["completeness"], 4),
        "trace": trace.of(row, _open_hazards(connection, layer, code)),
        "note": NOTE.in_(language),
    }


class _Trace:
    """Writes the trace of one row of a layer."""

    def __init__(self, risk: Risk, layer: type[Layer], model: Model, language: Language) -> None:
        self.risk, self.layer, self.model, self.language = risk, layer, model, language
        self.sources: dict[str, tuple[str, ...]] = {
            "condition": _fields(risk.condition),
            "hazards": (),
            "time": (risk.inspected,) if risk.inspected else (),
            "environment": tuple(name for score in risk.environment for name in _fields(score)),
            **{name: _fields(getattr(risk, name)) for name in SEVERITY},
            "control": _fields(risk.control),
        }
        self.fields = sorted({name for names in self.sources.values() for name in names})

    def of(self, row: RowMapping, hazards: list[dict[str, Any]]) -> dict[str, Any]:
        factors = self._factors(row)
        factors[list(FACTORS).index("hazards")]["records"] = hazards
        fired = [
            {"id": rule.id, "label": rule.label.in_(self.language), "at_least": rule.at_least}
            for rule in rules_of(self.risk)
            if rule.id in row["rules"]
        ]
        severity = [
            {"part": name, "label": label.in_(self.language), "value": row[name], "fields": self._read(name, row)}
            for name, label in SEVERITY.items()
            if getattr(self.risk, name)
        ]
        return {
            "config_version": self.model.version,
            "factors": factors,
            "likelihood": round(row["likelihood"], 4),
            "control": {"multiplier": row["control"], "fields": self._read("control", row)},
            "controlled_likelihood": round(row["controlled"], 4),
            "severity": row["severity"],
            "severity_assumed": all(row[name] is None for name in SEVERITY),
            "severity_parts": severity,
            "rules": fired,
        }

    def _factors(self, row: RowMapping) -> list[dict[str, Any]]:
        """Return the factors with their contributions; the greatest also carries the weight of the worst."""
        config = self.model.config
        scores = {name: config.neutral if row[name] is None else float(row[name]) for name in FACTORS}
        worst, weight = max(scores, key=lambda name: scores[name]), sum(config.weights.values())
        return [
            {
                "factor": name,
                "label": label.in_(self.language),
                "score": scores[name],
                "assumed": row[name] is None,
                "weight": config.weights[name],
                "contribution": round(
                    (1 - config.worst) * config.weights[name] * scores[name] / weight
                    + (config.worst * scores[name] if name == worst else 0),
                    4,
                ),
                "fields": self._read(name, row),
            }
            for name, label in FACTORS.items()
        ]

    def _read(self, source: str, row: RowMapping) -> list[dict[str, Any]]:
        """Return the fields that a part was read from, with what they held."""
        declared = self.layer.fields()
        return [
            {
                "field": name,
                "label": declared[name].label.in_(self.language),
                "value": row[f"field_{name}"],
                "unit": declared[name].unit,
            }
            for name in self.sources[source]
        ]


def _open_hazards(connection: Connection, layer: type[Layer], code: str) -> list[dict[str, Any]]:
    """Return the open hazards that the hazard factor was read from."""
    hazards = ledger()
    its = hazards.subject_layer == layer.__tablename__, hazards.subject_code == code
    rows = select(hazards.code, hazards.level, hazards.status, hazards.deadline).where(*its, is_open())
    return [dict(row) for row in connection.execute(rows.order_by(hazards.code)).mappings()]


def _fields(score: Score | None) -> tuple[str, ...]:
    if score is None:
        return ()
    return (score.field, score.over) if isinstance(score, BySteps) and score.over else (score.field,)
