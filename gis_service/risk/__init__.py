"""Risk: the score of every feature, its trace, and the colour of every area."""

from gis_service.risk.areas import area_risk
from gis_service.risk.features import counts as risk_counts
from gis_service.risk.features import features as risk_features
from gis_service.risk.keeper import Keeper
from gis_service.risk.kept import current, keep, wrong
from gis_service.risk.score import Model, layers_with_risk, model, scored, shown, with_risk
from gis_service.risk.trace import NOTE, explain

__all__ = [
    "NOTE",
    "Keeper",
    "Model",
    "area_risk",
    "current",
    "explain",
    "keep",
    "layers_with_risk",
    "model",
    "risk_counts",
    "risk_features",
    "scored",
    "shown",
    "with_risk",
    "wrong",
]
