"""Classifiers in files: as safetensors with JSON."""

import json
import os
import pathlib
from typing import Any

import jax
import numpy as np

from fal_jax import _records
from fal_jax.data import Column, Preprocessing, Scaler
from fal_jax.estimators._encoding import Encoding
from fal_jax.estimators._fitting import Ensemble
from fal_jax.estimators._form import Form, form_of

_FORMAT = "fal_jax classifier 1"


def save(classifier: Any, path: str | os.PathLike[str], **notes: Any) -> None:
    """Writes a fitted classifier whole or not at all, with JSON-ready notes."""
    from safetensors.numpy import save as serialised

    encoding, ensemble = classifier.encoding_, classifier.ensemble_
    fitted = encoding.preprocessing
    tensors = {
        "kept": encoding.kept,
        "fill": fitted.fill,
        "mean": fitted.scaler.mean,
        "scale": fitted.scaler.scale,
        **{f"knots {place}": knots for place, knots in enumerate(fitted.knots)},
        **{f"setting {name}": value for name, value in ensemble.settings.items()},
        **{name: getattr(ensemble, name) for name in _OF_MEMBERS},
    }
    for keys, leaf in jax.tree_util.tree_leaves_with_path(ensemble.params):
        tensors["params " + json.dumps([key.key for key in keys])] = leaf
    content = {
        "format": _FORMAT,
        "class": type(classifier).__name__,
        "options": _options(classifier),
        "form": classifier.form_._asdict(),
        "classes": classifier.classes_.tolist(),
        "classes_dtype": classifier.classes_.dtype.str,
        "columns": [list(column) for column in fitted.columns],
        "levels": encoding.levels,
        "has_names": hasattr(classifier, "feature_names_in_"),
        "notes": notes,
    }
    tensors = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    header = {"fal_jax": json.dumps(content, default=_plain)}
    _records.write(pathlib.Path(path), serialised(tensors, metadata=header))


def load(kind: type, path: str | os.PathLike[str]) -> Any:
    """Reads what `save` wrote."""
    tensors, content = _read(pathlib.Path(path))
    if content["class"] != kind.__name__:
        raise ValueError(
            f"{path} holds a {content['class']}, not a {kind.__name__}: load it with its own class."
        )
    return _classifier(path, kind, tensors, content)


def load_any(path: str | os.PathLike[str]) -> tuple[Any, dict[str, Any]]:
    """Reads what `save` wrote of any classifier, and the notes with it."""
    from fal_jax.estimators._classifiers import FocusedAnchorsClassifier, ImbalancedMLPClassifier

    kinds = {kind.__name__: kind for kind in (FocusedAnchorsClassifier, ImbalancedMLPClassifier)}
    tensors, content = _read(pathlib.Path(path))
    if content["class"] not in kinds:
        raise ValueError(
            f"{path} holds a {content['class']}, which is none of {list(kinds)}: load it with its "
            "own class, or with the version of fal_jax that saved it."
        )
    classifier = _classifier(path, kinds[content["class"]], tensors, content)
    return classifier, content.get("notes", {})


def _read(path: pathlib.Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The tensors and the content of a file."""
    raw = path.read_bytes()
    try:
        tensors, content = _parsed(raw)
        if content["format"] != _FORMAT:
            raise ValueError(f"its format is {content['format']!r}, not {_FORMAT!r}")
        content["class"] = str(content["class"])
    except Exception as error:  # safetensors has one kind of error, JSON and keys have others
        raise ValueError(
            f"{path} is no saved classifier, is damaged or was cut short ({error}): save it again."
        ) from error
    return tensors, content


def _classifier(
    path: str | os.PathLike[str],
    kind: type,
    tensors: dict[str, np.ndarray],
    content: dict[str, Any],
) -> Any:
    """The classifier of what was read; a ValueError tells what this version does not know."""
    try:
        return _fitted(_unfitted(kind, content["options"]), tensors, content)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} holds what this version of fal_jax can't read ({error}): load it with the "
            "version that saved it, or upgrade."
        ) from error


def _unfitted(kind: type, options: dict[str, Any]) -> Any:
    pairs = options.get("class_weight")
    options["class_weight"] = dict(map(tuple, pairs)) if isinstance(pairs, list) else pairs
    options["hidden"] = tuple(options["hidden"])
    return kind(**options)


def _fitted(classifier: Any, tensors: dict[str, np.ndarray], content: dict[str, Any]) -> Any:
    columns = tuple(Column(n, k, m, tuple(ls), b) for n, k, m, ls, b in content["columns"])
    knots = tuple(tensors[f"knots {place}"] for place in range(len(columns)))
    scaler = Scaler(tensors["mean"], tensors["scale"])
    levels = tuple(None if of is None else tuple(of) for of in content["levels"])
    classifier.encoding_ = Encoding(
        levels, Preprocessing(columns, tensors["fill"], scaler, knots), tensors["kept"]
    )
    classifier.ensemble_ = Ensemble(
        _tree(_named(tensors, "params ")),
        _named(tensors, "setting "),
        **{name: tensors[name] for name in _OF_MEMBERS},
    )
    classifier.form_ = _form(classifier, content)
    classifier.classes_ = np.array(content["classes"], content["classes_dtype"])
    classifier.n_features_in_ = len(columns)
    if content["has_names"]:
        classifier.feature_names_in_ = np.array([c.name for c in columns], object)
    return classifier


def _form(classifier: Any, content: dict[str, Any]) -> Form:
    """What was fitted; older files have the options alone."""
    if "form" not in content:
        return form_of(classifier)
    form = Form(**content["form"])
    if form.loss not in classifier._methods():
        raise ValueError(f"there is no loss {form.loss!r}")
    return form._replace(hidden=tuple(form.hidden))


_OF_MEMBERS = ("slope", "shift", "epoch", "metric")


def _parsed(raw: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Tensors and the JSON beside them; the library hands out the one without the other."""
    from safetensors.numpy import load as parsed

    tensors = parsed(raw)
    size = int.from_bytes(raw[:8], "little")
    return tensors, json.loads(json.loads(raw[8 : 8 + size])["__metadata__"]["fal_jax"])


def _options(classifier: Any) -> dict[str, Any]:
    """The options, JSON-ready: a dict's keys may be numbers, a generator can't be written."""
    options = classifier.get_params(deep=False)
    options["hidden"] = np.ravel(options["hidden"]).tolist()
    if isinstance(options["class_weight"], dict):
        options["class_weight"] = list(options["class_weight"].items())
    if not isinstance(options["random_state"], int | np.integer):
        options["random_state"] = None
    return options


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} of type {type(value).__name__} can't be saved as JSON.")


def _named(tensors: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}


def _tree(leaves: dict[str, np.ndarray]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, leaf in leaves.items():
        *branches, last = json.loads(path)
        node = tree
        for branch in branches:
            node = node.setdefault(branch, {})
        node[last] = leaf
    return tree
