"""Splits of windows that overlap in an image, without pixels that both parts share."""

import numpy as np
import numpy.typing as npt

from fal_jax.data._splits import Split, check_fraction, members_of, split_by

_DRAWS = 256


def block_holdout(
    blocks: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    test_fraction: float = 0.2,
    seed: int,
    positions: npt.ArrayLike | None = None,
    reach: int = 2,
) -> Split:
    """Holds out whole blocks, with close to the same fraction of every class.

    Of 256 random orders of the blocks, and all ways to cut one in two, it takes the one whose
    test part has, in its worst class, a fraction nearest to `test_fraction`: a rare class weighs
    as much as a frequent one. Then the training rows that share pixels with a test row are
    dropped; they are in neither part.

    For a validation part that is as free of overlap, split the training rows again, with
    `blocks[train]`, `labels[train]` and `positions[train]`.

    Args:
      blocks: `[rows]`, integers; rows of the same block stay together.
      labels: `[rows]`, integers.
      test_fraction: in (0, 1).
      seed: seed of `np.random.default_rng`.
      positions: `[rows, 2]`, integers: row and column of each window. None drops nothing.
      reach: windows share pixels when their rows and columns differ by at most this; 2 for
          windows of 3x3. More leaves a wider gap.

    Returns:
      A `Split`; `shared_pixel_fraction` of it is 0 if there are positions.

    Raises:
      TypeError: blocks, labels or positions are not integers.
      ValueError: wrong shapes, a fraction outside (0, 1), a negative reach, fewer than two
          blocks, or a class that the split leaves without training or without test rows.

    Example:
      >>> positions = np.array([[0, column] for column in range(10)])
      >>> blocks, labels = positions[:, 1] // 5, positions[:, 1] % 2
      >>> block_holdout(blocks, labels, test_fraction=0.5, seed=0, positions=positions)
      Split(train=array([7, 8, 9], dtype=int32), test=array([0, 1, 2, 3, 4], dtype=int32))
    """
    check_fraction(test_fraction)
    names, block, _ = members_of("blocks", blocks)
    classes, members, counts = members_of("labels", labels)
    if members.shape != block.shape:
        raise ValueError(f"labels must be [rows] = {block.shape} as blocks, got {members.shape}.")
    if names.size < 2:
        raise ValueError(f"blocks must hold at least two different blocks, got only {names[0]}.")
    sizes = np.zeros((names.size, classes.size))
    np.add.at(sizes, (block, members), 1)
    test = np.isin(block, _balanced_blocks(sizes / counts, test_fraction, seed))
    train = ~test
    if positions is not None:
        places = _places(positions, block.size)
        train[train] = ~_within_reach(places[train], places[test], reach)
    for part, mask in (("training", train), ("test", test)):
        missing = np.setdiff1d(np.arange(classes.size), members[mask])
        if missing.size:
            raise ValueError(
                f"blocks leave no {part} rows of class {classes[missing[0]]}: use smaller blocks, "
                "another test_fraction or another seed."
            )
    return split_by(train, test)


def shared_pixel_fraction(positions: npt.ArrayLike, split: Split, *, reach: int = 2) -> float:
    """The fraction of test windows that share pixels with at least one training window.

    Args:
      positions: `[rows, 2]`, integers: row and column of each window.
      split: training and test rows.
      reach: as in `block_holdout`.

    Returns:
      From 0 (the test part is unseen) to 1.

    Raises:
      TypeError: positions are not integers.
      ValueError: positions not `[rows, 2]`, no test rows, or a negative reach.

    Example:
      >>> positions = np.array([[0, 0], [0, 2], [0, 3], [7, 7]])
      >>> shared_pixel_fraction(positions, Split(train=np.array([0]), test=np.array([1, 2])))
      0.5
    """
    if not split.test.size:
        raise ValueError("split must have test rows, got none.")
    places = _places(positions, len(np.atleast_1d(positions)))
    return float(_within_reach(places[split.test], places[split.train], reach).mean())


def _balanced_blocks(shares: np.ndarray, test_fraction: float, seed: int) -> np.ndarray:
    """Chooses test blocks from `[blocks, classes]`, the share of each class in each block."""
    in_order = np.tile(np.arange(len(shares)), (_DRAWS, 1))
    orders = np.random.default_rng(seed).permuted(in_order, axis=1)
    held_out = shares[orders].cumsum(axis=1)[:, :-1]  # by draw, last block held out, and class
    worst = np.abs(held_out - test_fraction).max(axis=-1)
    draw, last = np.unravel_index(worst.argmin(), worst.shape)
    return orders[draw, : last + 1]


def _places(positions: npt.ArrayLike, num_rows: int) -> np.ndarray:
    """Checks positions and returns them as `[rows, 2]` int64."""
    positions = np.asarray(positions)
    if positions.dtype.kind not in "iu":
        raise TypeError(f"positions must be integers, got {positions.dtype}.")
    if positions.shape != (num_rows, 2):
        raise ValueError(f"positions must be [rows, 2] = ({num_rows}, 2), got {positions.shape}.")
    return positions.astype(np.int64)


def _within_reach(places: np.ndarray, others: np.ndarray, reach: int) -> np.ndarray:
    """Whether each place `[rows, 2]` is, in row and column, at most `reach` from any other."""
    if reach < 0:
        raise ValueError(f"reach must be at least 0, got {reach}.")
    steps = np.arange(-reach, reach + 1)
    steps = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 1, 2)
    reached = (others + steps).reshape(-1, 2)
    one_number = np.array([2**32, 1])
    return np.isin(places @ one_number, reached @ one_number)
