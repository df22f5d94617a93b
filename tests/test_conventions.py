"""The conventions of the package, as rules over every public function."""

import ast
import inspect
import itertools
import re

import jax
import numpy as np
import pytest

from tests.introspection import ROOT, public_functions, sources, subpackages

FUNCTIONS = {
    f"{subpackage}.{name}": function
    for subpackage in subpackages()
    for name, function in public_functions(subpackage).items()
}
KEYED = {n: f for n, f in FUNCTIONS.items() if "key" in inspect.signature(f).parameters}
LOSSES = {name: f for name, f in FUNCTIONS.items() if name.startswith("losses.")}
# The order of what a loss takes: scores or features, labels, anchors or state, what shapes them.
LOSS_ARGUMENTS = [
    ("logits", "distances", "scores", "features", "cosines", "affinities", "log_odds", "losses"),
    ("labels",),
    ("anchors", "means", "prototypes", "class_counts", "counts", "state"),
    ("log_variances", "noise", "ignored", "feature_norms"),
]
MAX_FILE, MAX_FUNCTION, MAX_EXAMPLE = 250, 40, 6

each_function = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
each_loss = pytest.mark.parametrize("function", LOSSES.values(), ids=LOSSES)
each_file = pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))


def parameters(function):
    return list(inspect.signature(function).parameters.values())


def positional(function):
    return [p for p in parameters(function) if p.kind is not p.KEYWORD_ONLY]


def section(function, name):
    """The lines under one heading of the docstring, none if it lacks the heading."""
    lines = iter((inspect.getdoc(function) or "").splitlines())
    below = itertools.dropwhile(lambda line: line != f"{name}:", lines)
    return list(
        itertools.takewhile(lambda line: line.startswith(" "), itertools.islice(below, 1, None))
    )


def docstring_lines(node):
    if ast.get_docstring(node) is None:
        return 0
    return node.body[0].end_lineno - node.body[0].lineno + 1


def test_losses_and_functions_of_a_key_are_found():
    assert "losses.fal_loss" in LOSSES
    assert {"resampling.smote", "data.flip", "metrics.bootstrap_interval"} <= set(KEYED)


@each_function
def test_hyper_parameters_are_keyword_only(function):
    """Data that may be left out defaults to None; whatever has another default is set by name."""
    defaults = [p.default for p in positional(function) if p.default is not p.empty]
    assert all(default is None for default in defaults)


@each_function
def test_a_key_comes_first_and_is_called_key(function):
    names = [p.name for p in parameters(function)]
    assert "rng" not in names
    assert "key" not in names or names[0] == "key"


@pytest.mark.parametrize("function", KEYED.values(), ids=KEYED)
@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        (0, TypeError, r"key must be a PRNG key, such as jax\.random\.key\(0\), got .*int"),
        (None, TypeError, "got None of type NoneType"),
        (np.zeros(2, np.float32), TypeError, "key must be a PRNG key.* got dtype float32"),
        (jax.random.split(jax.random.key(0)), ValueError, r"key must be one .* shape \(2,\)"),
    ],
    ids=["an int", "none", "floats", "two keys"],
)
def test_what_is_no_key_is_refused_by_name(function, key, error, message):
    rest = [None] * (len([p for p in positional(function) if p.default is p.empty]) - 1)
    named = {p.name: 1 for p in parameters(function) if p.kind is p.KEYWORD_ONLY}
    with pytest.raises(error, match=message):
        function(key, *rest, **named)


@each_function
def test_docstring_has_a_summary_line_and_documents_arguments_and_result(function):
    summary = (inspect.getdoc(function) or "").split("\n")
    assert summary[0].endswith(".")
    assert len(summary) == 1 or summary[1] == ""
    heads = [re.match(r"  \*{0,2}(\w+):", line) for line in section(function, "Args")]
    documented = [head.group(1) for head in heads if head]
    assert documented == [p.name for p in parameters(function)]
    assert section(function, "Returns")


@each_loss
def test_loss_takes_scores_then_labels_then_anchors(function):
    order = [i for p in positional(function) for i, ns in enumerate(LOSS_ARGUMENTS) if p.name in ns]
    assert len(order) == len(positional(function)), "add the new argument to LOSS_ARGUMENTS"
    assert order == sorted(set(order))


@each_loss
def test_loss_documents_its_errors_and_shows_a_short_example(function):
    assert section(function, "Raises")
    example = re.findall(r"^\s*(?:>>>|\.\.\.) ", inspect.getdoc(function), re.M)
    assert 1 <= len(example) <= MAX_EXAMPLE


@each_file
def test_file_is_short_and_its_functions_too(path):
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_FILE
    lengths = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            inner = [n for n in ast.walk(node) if isinstance(n, ast.FunctionDef)]
            lengths[node.name] = (
                node.end_lineno - node.lineno + 1 - sum(map(docstring_lines, inner))
            )
    assert {name: n for name, n in lengths.items() if n > MAX_FUNCTION} == {}


@each_file
def test_no_module_of_odds_and_ends_and_no_list_of_names_kept_by_hand(path):
    assert path.stem.strip("_") not in {"util", "utils", "helpers", "misc", "common"}
    assert "__all__" not in path.read_text()
