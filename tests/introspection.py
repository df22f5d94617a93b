"""What is public: the names that a subpackage's `__init__` hands out."""

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import fal_jax

ROOT = Path(fal_jax.__file__).parent


def subpackages():
    """The names of all subpackages of `fal_jax`."""
    return sorted(module.name for module in pkgutil.iter_modules([str(ROOT)]) if module.ispkg)


def public_functions(subpackage):
    """The public functions of one subpackage, by name."""
    module = importlib.import_module(f"fal_jax.{subpackage}")
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and callable(value)
        and not inspect.isclass(value)
        and getattr(value, "__module__", "").startswith("fal_jax")
    }


def public_names(subpackage):
    """All public names of one subpackage: what its `__init__` imports from the package, sorted."""
    tree = ast.parse((ROOT / subpackage / "__init__.py").read_text())
    return sorted(
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fal_jax.")
        for alias in node.names
        if alias.asname
    )


def sources():
    """All Python files of the package."""
    return sorted(ROOT.rglob("*.py"))
