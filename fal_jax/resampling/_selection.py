"""Random over- and under-sampling, as row numbers: of features, labels and whatever else."""

import jax
import numpy as np
import numpy.typing as npt

from fal_jax import _keys
from fal_jax.resampling import _inputs


def random_oversample(
    key: jax.Array,
    labels: npt.ArrayLike,
    *,
    sampling: _inputs.Sampling = "auto",
    where: npt.ArrayLike | None = None,
) -> np.ndarray:
    """Repeats rows of the smaller classes, drawn with replacement.

    Args:
      key: a PRNG key.
      labels: `[rows]`, integer or bool.
      sampling: "auto" brings every class to the largest; a number in (0, 1], of two classes, the
          smaller to this part of the larger; a mapping, the classes in it to so many rows.
      where: `[rows]`, bool, the rows to resample, say a fold's training part; None for all.

    Returns:
      `[resampled]`, int32, row numbers: those of `where`, then the repeated by ascending label.

    Raises:
      TypeError: key no PRNG key, labels neither integer nor bool, or where not bool.
      ValueError: shapes that do not fit, a single class, or a sampling that is out of range or
          takes rows away.

    Example:
      >>> random_oversample(jax.random.key(0), np.array([0, 0, 0, 1]))
      array([0, 1, 2, 3, 3, 3], dtype=int32)
    """
    _keys.checked(key)
    rows = _inputs.rows_of_classes(_inputs.checked_labels(labels), where)
    counts = {label: part.size for label, part in rows.items()}
    chosen = [_inputs.all_rows(rows)]
    for place, (label, number) in enumerate(_inputs.rows_to_add(counts, sampling).items()):
        one = jax.random.fold_in(key, place)
        places = jax.random.randint(one, (number,), 0, counts[label])
        chosen.append(rows[label][np.asarray(places)])
    return np.concatenate(chosen)


def random_undersample(
    key: jax.Array,
    labels: npt.ArrayLike,
    *,
    sampling: _inputs.Sampling = "auto",
    where: npt.ArrayLike | None = None,
) -> np.ndarray:
    """Keeps some rows of the larger classes, drawn without replacement.

    Args:
      key: a PRNG key.
      labels: `[rows]`, integer or bool.
      sampling: "auto" brings every class to the smallest; a number in (0, 1], of two classes, the
          larger until the smaller is this part of it; a mapping, the classes in it to so many rows.
      where: `[rows]`, bool, the rows to resample, say a fold's training part; None for all.

    Returns:
      `[resampled]`, int32, row numbers by ascending label; of a class that loses rows in the order
      drawn, of others ascending.

    Raises:
      TypeError: key no PRNG key, labels neither integer nor bool, or where not bool.
      ValueError: shapes that do not fit, a single class, or a sampling that is out of range or asks
          for more rows than there are.

    Example:
      >>> random_undersample(jax.random.key(0), np.array([1, 0, 0, 0]))[1]
      np.int32(0)
    """
    _keys.checked(key)
    rows = _inputs.rows_of_classes(_inputs.checked_labels(labels), where)
    counts = {label: part.size for label, part in rows.items()}
    wanted = _inputs.rows_to_keep(counts, sampling)
    chosen = []
    for place, (label, members) in enumerate(rows.items()):
        if label in wanted:
            # Sorting random numbers on the host takes a tenth of jax.random.permutation's time.
            bits = jax.random.bits(jax.random.fold_in(key, place), members.shape)
            members = members[np.argsort(bits)[: wanted[label]]]
        chosen.append(members)
    return np.concatenate(chosen)
