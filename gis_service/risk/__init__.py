"""Risk: the score of every feature, its trace, and the colour of every area."""

from gis_service.risk.areas import area_risk
from gis_service.risk.score import Model, layers_with_risk, model, scored, shown, with_risk
from gis_service.risk.score import counts as risk_counts
from gis_service.risk.score import features as risk_features
from gis_service.risk.trace import NOTE, explain

__all__ = [
    "NOTE",
    "Model",
    "area_risk",
    "explain",
    "layers_with_risk",
    "model",
    "risk_counts",
    "risk_features",
    "scored",
    "shown",
    "with_risk",
]
