"""Loads public implementations: packages that are installed, and files of local repositories.

Nothing of them is copied: a file is read at the commit that is checked out, bare repositories
included. Those written for CUDA run on the CPU, and those written for float32 in float64.
"""

import ast
import importlib
import importlib.metadata
import importlib.util
import subprocess
import sys
import tempfile
import types
from pathlib import Path

OWNERS = {
    "ASL": "Alibaba-MIIL",
    "BagofTricks-LT": "zhangyongshun",
    "BalancedMetaSoftmax-Classification": "jiawei-ren",
    "Class-balanced-loss-pytorch": "vandit15",
    "Dissertation": "Thomas-Blake",  # holds google-research/logit_adjustment/utils.py unchanged
    "GCLLoss": "Keke921",
    "IB-Loss": "pseulki",
    "L-GM-loss": "WeitaoVan",
    "LDAM-DRW": "kaidic",
    "MiSLAS": "dvlab-research",
    "Smooth_AP": "Andrew-Brown1",
    "VS-Loss": "orparask",
    "affinity-loss": "koshian2",
    "cac-openset": "dimitymiller",
    "class-balanced-loss": "richardaecn",
    "polyloss-pytorch": "abhuse",
    "pytorch-center-loss": "KaiyangZhou",
    "softmax_variants": "YirongMao",
}
_STAGED = Path(tempfile.mkdtemp())
_checkouts = Path()


def use_checkouts(folder):
    """Sets the folder that holds the repositories, each under its own name."""
    global _checkouts
    _checkouts = Path(folder)


def described(source):
    """`owner/name@commit path` of a file "name/path", `name version` of an installed package."""
    repository, _, path = source.partition("/")
    if repository not in OWNERS:
        return f"{repository} {importlib.metadata.version(repository)}"
    commit = _git(repository, "rev-parse", "HEAD").strip()
    return f"{OWNERS[repository]}/{repository}@{commit[:12]} {path}"


def module(source, **stand_ins):
    """The module in a file "name/path", its imports of `stand_ins` answered by those."""
    text, stem = _text(source), source.replace("/", "_").removesuffix(".py").replace("-", "_")
    path = _STAGED / f"{stem}.py"
    path.write_text(text)
    sys.modules |= stand_ins
    spec = importlib.util.spec_from_file_location(stem, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def package(source):
    """The package in a folder "repository/path"."""
    repository, _, folder = source.partition("/")
    for path in _git(repository, "ls-tree", "-r", "--name-only", "HEAD", folder).split():
        if path.endswith(".py"):
            (_STAGED / path).parent.mkdir(parents=True, exist_ok=True)
            (_STAGED / path).write_text(_git(repository, "show", f"HEAD:{path}"))
    sys.path.insert(0, str((_STAGED / folder).parent))
    return importlib.import_module(Path(folder).name)


def function(source, name, **names):
    """One function of a script that can't be imported, with the global `names` that it needs."""
    nodes = ast.walk(ast.parse(_text(source)))
    found = next(n for n in nodes if isinstance(n, ast.FunctionDef) and n.name == name)
    exec(compile(ast.Module([found], []), source, "exec"), names)
    return names[name]


def installed_file(distribution, path, package, **stand_ins):
    """A module of an installed package whose own `__init__` asks for more than the file needs."""
    folder = importlib.metadata.distribution(distribution).locate_file("")
    for name, stand_in in stand_ins.items():
        sys.modules[f"{package.split('.')[0]}.{name}"] = stand_in
    parts = package.split(".")
    for depth in range(1, len(parts) + 1):
        parent = types.ModuleType(".".join(parts[:depth]))
        parent.__path__ = [str(Path(folder, *parts[:depth]))]
        sys.modules.setdefault(parent.__name__, parent)
    return importlib.import_module(f"{package}.{path}")


def torch_in_float64_on_the_cpu():
    """PyTorch, where what asks for CUDA or for float32 gets the CPU and float64."""
    import torch

    torch.set_default_dtype(torch.float64)
    torch.FloatTensor = torch.cuda.FloatTensor = torch.DoubleTensor
    torch.Tensor.float = torch.Tensor.double
    torch.Tensor.cuda = lambda self, *_, **__: self
    return torch


def _text(source):
    repository, _, path = source.partition("/")
    return _git(repository, "show", f"HEAD:{path}")


def _git(repository, *arguments):
    command = ["git", "-C", str(_checkouts / repository), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
