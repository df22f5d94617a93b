"""Imports point one way: what may import what, read from the sources."""

import ast
import subprocess
import sys

import pytest

from tests.introspection import ROOT, sources

# These know nothing of each other: they pass plain arrays.
LEAVES = {"losses", "anchors", "metrics", "resampling", "data"}
# What each layer that stands on others may import of them, besides itself.
ALLOWED = {leaf: set() for leaf in LEAVES} | {
    "models": LEAVES,
    "training": LEAVES | {"models"},
    "generation": LEAVES | {"models"},
    "calibration": set(),
    "estimators": LEAVES | {"models", "training", "generation", "calibration"},
    "cli": LEAVES | {"models", "training", "calibration", "estimators"},
}
# Slow to import or not in the base install: only inside the functions that need them.
LAZY = {"_classifier.py"}  # subclasses of scikit-learn's, imported when they are asked for
HEAVY = {
    "tensorflow",
    "tensorflow_datasets",
    "sklearn",
    "imblearn",
    "xgboost",
    "lightgbm",
    "pandas",
    "PIL",
    "pyarrow",
}

each_file = pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))


def imported(path, tree=None):
    """The full names of the modules that a file imports, anywhere in it or in the nodes given."""
    package = ["fal_jax", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text())) if tree is None else tree:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*base, *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def layer(path):
    """The subpackage that a file belongs to, or None for the modules at the top."""
    parts = path.relative_to(ROOT).parts
    return parts[0] if len(parts) > 1 else None


@each_file
def test_imports_of_the_package_point_down(path):
    own = {name.split(".")[1] for name in imported(path) if name.startswith("fal_jax.")}
    allowed = ALLOWED[layer(path)] | {layer(path)} if layer(path) else set()
    assert own <= allowed | {"_checks", "_keys", "_records", "__version__"}


@each_file
def test_imports_of_other_packages_stay_where_they_belong(path):
    names = {name.split(".")[0] for name in imported(path)}
    assert not names & {"experiments", "tests"}
    assert "flax" not in names or layer(path) == "models"
    outside = {"sklearn", "imblearn", "xgboost", "lightgbm"}
    assert not names & outside or layer(path) in {"estimators", "cli"}
    if layer(path) == "losses":
        assert names <= {"jax", "numpy", "fal_jax", *sys.stdlib_module_names}
    top = imported(path, ast.parse(path.read_text()).body)
    assert not {name.split(".")[0] for name in top} & HEAVY or path.name in LAZY


def test_what_is_slow_to_import_is_loaded_where_it_is_needed():
    """The leaves load no network library, and no package one that its functions may not need."""
    code = f"""
import sys, importlib
for name in {[*sorted(LEAVES), "calibration", "models", "training", "estimators"]}:
    importlib.import_module("fal_jax." + name)
    print(name, *sorted({HEAVY | {"flax", "optax", "orbax"}} & sys.modules.keys()))
"""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent
    )
    loaded = {line.split()[0]: set(line.split()[1:]) for line in run.stdout.splitlines()}
    assert not any(loaded[name] for name in (*LEAVES, "calibration"))
    assert "flax" in loaded["models"]
    assert not any(names & HEAVY for names in loaded.values())
