"""Making the next items while one is used."""

import collections
import concurrent.futures
from collections.abc import Generator, Iterator
from typing import TypeVar, cast

Item = TypeVar("Item")


def prefetched(items: Iterator[Item], *, ahead: int = 2) -> Generator[Item]:
    """Makes items on a thread of its own, so that whoever uses them need not wait.

    Args:
      items: what makes them.
      ahead: how many are made before they are asked for, at least 1.

    Returns:
      An iterator of the items, in their order. An error in making an item is raised when its turn
      comes; the thread ends with the iterator, which may be closed.

    Raises:
      ValueError: ahead is below 1.

    Example:
      >>> list(prefetched(iter(range(3))))
      [0, 1, 2]
    """
    if ahead < 1:
        raise ValueError(f"ahead must be at least 1, got {ahead}.")
    return _prefetched(items, ahead)


def _prefetched(items: Iterator[Item], ahead: int) -> Generator[Item]:
    end = object()
    thread = concurrent.futures.ThreadPoolExecutor(1)
    try:
        waiting = collections.deque(thread.submit(next, items, end) for _ in range(ahead))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(thread.submit(next, items, end))
            yield cast(Item, item)
    finally:
        thread.shutdown(cancel_futures=True)
