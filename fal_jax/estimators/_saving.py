"""Classifiers in files: as safetensors with JSON, and as exported programs."""

import json
import os
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export as jax_export

from fal_jax import _records
from fal_jax.data import Column, Preprocessing, Scaler
from fal_jax.estimators._encoding import Encoding
from fal_jax.estimators._fitting import Ensemble, Network

_FORMAT = "fal_jax classifier 1"
_PLATFORMS = ("cpu", "cuda", "tpu")


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
        raise ValueError(f"{path} holds a {content['class']}: load it with that class.")
    return _classifier(kind, tensors, content)


def load_any(path: str | os.PathLike[str]) -> tuple[Any, dict[str, Any]]:
    """Reads what `save` wrote of any classifier, and the notes with it."""
    from fal_jax import estimators

    tensors, content = _read(pathlib.Path(path))
    kind = getattr(estimators, content["class"])
    return _classifier(kind, tensors, content), content.get("notes", {})


def _read(path: pathlib.Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The tensors and the content of a file."""
    raw = path.read_bytes()
    try:
        tensors, content = _parsed(raw)
        if content["format"] != _FORMAT:
            raise ValueError(f"its format is {content['format']!r}, not {_FORMAT!r}")
    except Exception as error:  # safetensors has one kind of error, JSON and keys have others
        raise ValueError(
            f"{path} is no saved classifier, is damaged or was cut short ({error}): save it again."
        ) from error
    return tensors, content


def _classifier(kind: type, tensors: dict[str, np.ndarray], content: dict[str, Any]) -> Any:
    options = content["options"]
    pairs = options.get("class_weight")
    options["class_weight"] = dict(map(tuple, pairs)) if isinstance(pairs, list) else pairs
    options["hidden"] = tuple(options["hidden"])
    classifier = kind(**options)
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
    classifier.classes_ = np.array(content["classes"], content["classes_dtype"])
    classifier.n_features_in_ = len(columns)
    if content["has_names"]:
        classifier.feature_names_in_ = np.array([c.name for c in columns], object)
    return classifier


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


def export(
    network: Network,
    ensemble: Ensemble,
    encoding: Encoding,
    path: str | os.PathLike[str] | None,
) -> bytes:
    """The way from raw rows to probabilities as a serialised program."""
    (rows,) = jax_export.symbolic_shape("rows")
    form = jax.ShapeDtypeStruct((rows, len(encoding.names)), jnp.float32)
    program = jax.jit(_probabilities(network, ensemble, encoding))
    exported = jax_export.export(program, platforms=_PLATFORMS)(form)
    return _written(path, bytes(exported.serialize()))


def export_onnx(
    network: Network,
    ensemble: Ensemble,
    encoding: Encoding,
    path: str | os.PathLike[str] | None,
) -> bytes:
    """The way from raw rows to probabilities as an ONNX model."""
    try:
        from jax2onnx import to_onnx  # pyrefly: ignore[missing-import]  # an extra
    except ModuleNotFoundError as error:
        raise ImportError(
            f"export_onnx needs {error.name}: pip install fal-jax[onnx]", name=error.name
        ) from error
    program = _probabilities(network, ensemble, encoding)
    model = to_onnx(program, [("rows", len(encoding.names))])
    return _written(path, model.SerializeToString())


def _written(path: str | os.PathLike[str] | None, content: bytes) -> bytes:
    """The content, which a path gets too."""
    if path is not None:
        _records.write(pathlib.Path(path), content)
    return content


def _probabilities(
    network: Network, ensemble: Ensemble, encoding: Encoding
) -> Callable[[jax.Array], jax.Array]:
    """A function of float32 `[rows, columns]`, with codes for categories."""
    model_of = network.build()

    def probabilities(rows: jax.Array) -> jax.Array:
        inputs = _encoder(encoding)(rows)

        def logits(params, settings, slope, shift):
            outputs, _ = model_of(settings)[0].apply(params, {}, inputs)
            return slope * outputs.logits + shift[None]

        scalings = jnp.float32(ensemble.slope), jnp.float32(ensemble.shift)
        each = jax.vmap(logits)(ensemble.params, ensemble.settings, *scalings)
        return jax.nn.softmax(jnp.mean(each, axis=0), axis=-1)

    return probabilities


def _encoder(encoding: Encoding) -> Callable[[jax.Array], jax.Array]:
    """`encode` in JAX, for numbers and codes `[rows, columns]`, in float32."""
    fitted = encoding.preprocessing

    def outputs(values: jax.Array, place: int) -> jax.Array:
        column = fitted.columns[place]
        if column.levels:
            return (values[:, None] == jnp.arange(len(column.levels))[None]).astype(jnp.float32)
        filled = jnp.where(jnp.isnan(values), jnp.float32(fitted.fill[place]), values)
        if column.kind == "quantile":
            return jnp.interp(filled, *jnp.float32(fitted.knots[place]))[:, None]
        if column.kind == "log":
            filled = jnp.sign(filled) * jnp.log1p(jnp.abs(filled))
        mean, scale = fitted.scaler.mean[place], fitted.scaler.scale[place]
        return ((filled - jnp.float32(mean)) / jnp.float32(scale))[:, None]

    def encoded(rows: jax.Array) -> jax.Array:
        parts = []
        for place in range(len(fitted.columns)):
            values = rows[:, place]
            parts += [outputs(values, place), jnp.isnan(values).astype(jnp.float32)[:, None]]
        kept = jnp.concatenate(parts, axis=1)[:, encoding.kept]
        return jnp.pad(kept, ((0, 0), (0, encoding.dim - encoding.kept.size)))

    return encoded
