"""Classifiers as exported programs: from raw rows to probabilities."""

import os
import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import export as jax_export

from fal_jax import _records
from fal_jax.estimators._encoding import Encoding
from fal_jax.estimators._fitting import Ensemble, Network

_PLATFORMS = ("cpu", "cuda", "tpu")


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
