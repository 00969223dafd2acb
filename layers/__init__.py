"""What is true of each layer: declarations only, no input or output. One layer is one file."""

from layers._fields import Field
from layers._layer import (
    STORED_SRID,
    Base,
    Figure,
    Layer,
    Ledger,
    Ratio,
    Role,
    Sum,
    Symbol,
    ledger,
    own_columns,
    registry,
    with_role,
)
from layers._risk import LEVELS, BySteps, ByTerm, Risk, RiskConfig, Rule, Score
from layers._vocabulary import UNKNOWN, Label, Language, Term, Vocabulary

__all__ = [
    "LEVELS",
    "STORED_SRID",
    "UNKNOWN",
    "Base",
    "BySteps",
    "ByTerm",
    "Field",
    "Figure",
    "Label",
    "Language",
    "Layer",
    "Ledger",
    "Ratio",
    "Risk",
    "RiskConfig",
    "Role",
    "Rule",
    "Score",
    "Sum",
    "Symbol",
    "Term",
    "Vocabulary",
    "ledger",
    "own_columns",
    "registry",
    "with_role",
]
