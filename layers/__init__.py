"""What is true of each layer: declarations only, no input or output. One layer is one file."""

from layers._fields import Field
from layers._layer import (
    STORED_SRID,
    Base,
    Figure,
    Layer,
    Ratio,
    Role,
    Sum,
    Symbol,
    content_columns,
    own_columns,
    registry,
    with_role,
)
from layers._ledger import Duty, Ledger, Record, Subjected, Transition, ledger
from layers._risk import LEVELS, BySteps, ByTerm, Risk, RiskConfig, Rule, Score
from layers._vocabulary import UNKNOWN, Label, Language, Term, Vocabulary

__all__ = [
    "LEVELS",
    "STORED_SRID",
    "UNKNOWN",
    "Base",
    "BySteps",
    "ByTerm",
    "Duty",
    "Field",
    "Figure",
    "Label",
    "Language",
    "Layer",
    "Ledger",
    "Ratio",
    "Record",
    "Risk",
    "RiskConfig",
    "Role",
    "Rule",
    "Score",
    "Subjected",
    "Sum",
    "Symbol",
    "Term",
    "Transition",
    "Vocabulary",
    "content_columns",
    "ledger",
    "own_columns",
    "registry",
    "with_role",
]
