"""What is public: the functions that a subpackage's `__init__` re-exports."""

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


def sources():
    """All Python files of the package."""
    return sorted(ROOT.rglob("*.py"))
