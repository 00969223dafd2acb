"""The house keeps its order: the engine names no layer and no map, files stay small."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import layers
import maps

PROJECT = Path(__file__).parents[1]
ENGINE = [p for p in (PROJECT / "gis_service").rglob("*.py") if "migrations" not in p.parts]
LOOKS = [PROJECT / room for room in ("layers", "maps", "sample")]
ROOMS = ENGINE + [p for room in LOOKS for p in room.rglob("*.py")]
SHARED_PARTS = list((PROJECT / "maps").glob("_*.py"))
# A file that answers for one thing may be longer where splitting it would hide the thing.
MOST_LINES = 300


def _imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("path", ENGINE + SHARED_PARTS, ids=lambda p: str(p.relative_to(PROJECT)))
def test_nobody_but_a_map_imports_a_concrete_layer_and_nobody_a_concrete_map(path: Path) -> None:
    concrete = {f"layers.{name}" for name in layers.registry()} | {f"maps.{name}" for name in maps.registry()}
    assert not concrete & _imported(path)


@pytest.mark.parametrize("path", ENGINE, ids=lambda p: str(p.relative_to(PROJECT)))
def test_the_engine_writes_no_name_of_a_layer_but_in_examples(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    examples = {id(inner) for node in ast.walk(tree) if _is_example(node) for inner in ast.walk(node)}
    written = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in examples
    }
    # the areas and the ledger play a role for the engine and are found by it; these words are also its own
    assert not written & (set(layers.registry()) - {"areas", "hazards"})


def _is_example(node: ast.AST) -> bool:
    """Say whether a node is an example of the documentation: a constant _LIKE_THIS, or an argument `examples`."""
    if isinstance(node, ast.Assign):
        return all(isinstance(target, ast.Name) and target.id.isupper() for target in node.targets)
    return isinstance(node, ast.keyword) and node.arg in ("examples", "help")


@pytest.mark.parametrize("path", ROOMS, ids=lambda p: str(p.relative_to(PROJECT)))
def test_a_file_holds_one_subject(path: Path) -> None:
    assert path.read_text("utf-8").count("\n") <= MOST_LINES
