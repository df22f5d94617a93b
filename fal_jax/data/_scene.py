"""Where SatImage's windows lie in the image that they were cut from."""

import functools
import heapq

import numpy as np

from fal_jax.data._satimage import satimage_rows

# (down, right) to a neighbour: beside and below, with 6 of 9 pixels in common; diagonal, with 4.
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))

# (-shared pixels, window, its neighbour, step from the neighbour to the window): a heap of these
# gives the surest first.
_Match = tuple[int, int, int, tuple[int, int]]


def satimage_positions() -> np.ndarray:
    """Recovers the place of every SatImage row in the image, from the pixels alone.

    The data set's notes say that the image can't be put together again. It can: a window and its
    right or lower neighbour have 6 pixels (24 numbers) in common, and no two other windows do.
    Those 11,339 matches hold all windows but one together; 4 pixels in common with its diagonal
    neighbours place that one. The result contradicts itself nowhere: laid out on the 80 x 98
    places of an image of 82 x 100 pixels, every place holds at most one window, all windows agree
    in all 50,185 pixels that were laid before, and both original files turn out to be in raster
    order.

    So overlap needs no guess from equal values: two windows share pixels if and only if their
    rows and their columns differ by at most 2 each. Equal values alone would mislead: the lower
    right pixel of one window is the upper left one of another by overlap in 5,407 pairs and by
    chance in 10,949; two pixels in a row agree by chance in some 300 pairs, three in 20, four in
    2, six in none.

    Under a random 80/20 split, and under the official one, every test window shares pixels with
    training windows; 99% and 97% have a training window right beside, above or below them, with
    6 of their 9 pixels. `block_holdout` with `satimage_blocks` and these positions leaves none.

    Returns:
      `[6435, 2]`, int32: row (0 to 79) and column (0 to 97) of each window.

    Example:
      >>> satimage_positions()[:3].tolist()
      [[0, 2], [0, 3], [0, 4]]
    """
    return _positions().copy()


def satimage_blocks(*, height: int = 16, width: int = 14) -> np.ndarray:
    """Cuts SatImage's image into rectangles of neighbouring windows, for `block_holdout`.

    Joining windows that share pixels would end in one block of all 6,435, so the image is cut
    along straight lines and `block_holdout` drops the training windows that reach across them.
    Smaller blocks make a test part more varied and drop more: over 10 seeds with a fifth of the
    rows for testing, 16 x 14 windows (5 x 7 blocks, 14 of them with class 4) drop 511, 8 x 7
    windows 1,087 of some 5,150 training rows.

    Args:
      height: rows of windows in a block; the image has 80.
      width: columns of windows in a block; the image has 98.

    Returns:
      `[6435]`, int32 block numbers, from 0, in raster order.

    Raises:
      ValueError: `height` or `width` is less than 1.

    Example:
      >>> np.unique(satimage_blocks()).size
      35
    """
    if height < 1 or width < 1:
        raise ValueError(f"height and width must be at least 1, got {height} and {width}.")
    row, column = _positions().T
    blocks = (row // height) * (column.max() + 1) + column // width
    return np.unique(blocks, return_inverse=True)[1].astype(np.int32)


@functools.cache
def _positions() -> np.ndarray:
    """Grows the image from the first window, always by the match of the most pixels (Prim)."""
    windows = satimage_rows()[:, :-1].reshape(-1, 3, 3, 4)
    matches = _matches(windows)
    positions = np.zeros((len(windows), 2), np.int32)
    placed = np.zeros(len(windows), bool)
    heap: list[_Match] = [(0, 0, 0, (0, 0))]
    while heap:
        _, window, neighbour, step = heapq.heappop(heap)
        if not placed[window]:
            placed[window] = True
            positions[window] = positions[neighbour] + step
            for match in matches[window]:
                heapq.heappush(heap, match)
    return positions - positions.min(axis=0)


def _matches(windows: np.ndarray) -> list[list[_Match]]:
    """Lists for each window those that, by their pixels, may lie beside it."""
    matches: list[list[_Match]] = [[] for _ in windows]
    for down, right in _STEPS:
        here, there = _common_pixels(windows, down, right)
        shared = here[0, ..., 0].size
        found = {pixels.tobytes(): window for window, pixels in enumerate(there)}
        for window, pixels in enumerate(here):
            neighbour = found.get(pixels.tobytes(), window)
            if neighbour != window:
                matches[window].append((-shared, neighbour, window, (down, right)))
                matches[neighbour].append((-shared, window, neighbour, (-down, -right)))
    return matches


def _common_pixels(windows: np.ndarray, down: int, right: int) -> tuple[np.ndarray, np.ndarray]:
    """The pixels of each window that one `(down, right)` of it has too, and that one's own."""
    here = windows[:, down:, max(right, 0) : 3 + min(right, 0)]
    there = windows[:, : 3 - down, max(-right, 0) : 3 + min(-right, 0)]
    return here, there
