"""FAML: anchors follow a geometrically weighted mean of recent features."""

import warnings
from collections.abc import Callable, Hashable

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from fal_jax import _checks
from fal_jax.anchors._rule import AnchorRule, AnchorState

paper_constant = 0.999
"""The rate of the paper's Sec. 4.1: an update all but replaces the anchor by the window's mean."""

_WEIGHT_LIMIT = 1e30  # for ratio < 1: past it a new step's share is below any precision


def paper_decay(num_updates: ArrayLike) -> Callable[[ArrayLike], jax.Array]:
    """The rate of the paper's Sec. 3.4: "initialised to 0.9 and decayed quadratically".

    `0.9 (1 - t / num_updates)^2` at update t, then 0. The horizon is our reading; the paper names
    none.

    Args:
      num_updates: scalar of at least 1, the updates that the run will make, `num_steps //
          every`; may be traced.

    Returns:
      A schedule of the number of updates made so far, for the `rate` of `faml`.

    Raises:
      ValueError: a concrete num_updates is below 1.

    References:
      Baloch et al., Focused Anchors Loss, ACML 2019, Sec. 3.4.

    Example:
      >>> rate = paper_decay(10)
      >>> [round(float(rate(t)), 3) for t in (0, 5, 10)]
      [0.9, 0.225, 0.0]
    """
    horizon = _checks.number("num_updates", num_updates, jnp.float32, minimum=1)
    return lambda update: 0.9 * jnp.maximum(1 - update / horizon, 0) ** 2


def num_anchor_updates(num_steps: int, every: int) -> int:
    """How many anchor updates a run makes, with a warning if they are fewer than 5.

    Args:
      num_steps: steps of the run.
      every: steps of a window, at least 1, as for `faml`.

    Returns:
      The whole windows in the run, for `paper_decay` say.

    Example:
      >>> num_anchor_updates(4050, 200)
      20
    """
    updates = int(num_steps // every)
    if updates < 5:
        warnings.warn(
            f"only {updates} anchor updates in a run of {num_steps} steps, one every {every}: "
            "take smaller batches, more epochs or a shorter window.",
            stacklevel=2,
        )
    return updates


def faml(
    num_classes: int,
    dim: int,
    *,
    ratio: ArrayLike = 1.3,
    every: ArrayLike = 200,
    rate: ArrayLike | Callable[[jax.Array], ArrayLike] = paper_constant,
) -> AnchorRule:
    """Anchors moved by a weighted mean of recent features, with no gradient (FAML).

    Prefer `rate=paper_decay(num_anchor_updates(num_steps, every))` to the default; see below.

    Over a window of `every` steps, each class has the mean `mu_k` of its features with weight
    `ratio^i` at step i, divided by the class' own weight. At the window's end `phi_k <- rate *
    mu_k + (1 - rate) * phi_k`, a class unseen in the window keeps its anchor to the bit, and the
    window is cleared; a window that the run does not finish is dropped, so a run wants many times
    `every` steps: at least 5 updates. A step without a valid example counts. No power of ratio is
    formed, so neither long windows nor long absences overflow or underflow.

    Move anchors seldom and ever less. Nothing holds their scale: classification pushes features
    outward past their anchors, the anchors follow, and with every update the distances between
    them grow by a factor, with no brake but the pull `beta`; and what the network had fitted to
    the old anchors is lost with every large move. On SatImage, rate 0.9 every 10 steps with beta
    0.01 ends with squared distances of 2e10, where the softmax is a step function, and the average
    precision falls from .70 to .21; with beta 0.1 it falls to .37. The other way lies collapse: at
    a rate near 1, class means that still coincide at the first update take the anchors together,
    and no gradient parts them again.

    `paper_decay` over some 20 updates of 200 steps is the safe setting: .70 there, against .71 for
    anchors learned by gradient and .66 for rate 0.999 (experiments/results). Start from
    `initial_anchors`.

    In training, one step is: forward with the parameters and anchors of step t, loss, gradient,
    optimiser update, then `update` with the features of that same forward pass.

    `update(features, labels, state, *, where=None, axis_name=None)` takes features `[..., dim]`,
    integer labels `[...]`, a bool mask of the valid examples and the mapped axis that the batch is
    split over: class sums and counts add over it first, so any split gives the same anchors. An
    out-of-range label of a valid example makes the window, and so the anchors, NaN. Gradients stop
    at all features inside.

    Args:
      num_classes: number of classes, at least 2.
      dim: width of features, at least 1.
      ratio: scalar above 0, r of Eq. 11: how much more a step weighs than the one before. The
        effective window is `ratio / (ratio - 1)` steps for ratio > 1, 4.3 for 1.3, whatever
        `every` is. May be traced.
      every: scalar integer, at least 1, n of Eq. 11: steps between updates. May be traced.
      rate: scalar in [0, 1], lambda of Eq. 10, the weight of the NEW mean; or a schedule of the
        number of updates made so far, from 0. May be traced; what a traced value or a schedule
        gives is not checked.

    Returns:
      An `AnchorRule`. `init(anchors)` takes the `[classes, dim]` anchors to start from, see
      `initial_anchors`.

    Raises:
      ValueError: if an argument, where concrete, is out of range; at `init` and `update` if the
        shapes do not fit.
      TypeError: at `init` and `update`, for anchors or features that are not floating, labels
        that are not integer or a mask that is not bool.

    References:
      Baloch et al., Focused Anchors Loss, ACML 2019, Eq. 10 to 12. Eq. 11 is normalised by the
      class' own weight (else rare classes shrink to 0) and its i runs over steps; Eq. 12, upside
      down, is not needed.

    Example:
      >>> rule = faml(2, 1, every=1, rate=1.0)
      >>> state = rule.init([[0.0], [9.0]])
      >>> rule.update([[1.0], [3.0]], [0, 0], state).anchors
      Array([[2.],
             [9.]], dtype=float32)
    """
    _checks.sizes(num_classes, dim)
    _checks.number("ratio", ratio, jnp.float32, open_minimum=True)
    _checks.number("every", every, jnp.float32, minimum=1)
    if not _checks.is_traced(every) and np.asarray(every) % 1 != 0:
        raise ValueError(f"every must be a whole number of steps, got {every}.")
    if not callable(rate):
        _checks.number("rate", rate, jnp.float32, maximum=1.0)

    def init(anchors: ArrayLike) -> AnchorState:
        return _start(anchors, num_classes, dim)

    def update(
        features: ArrayLike,
        labels: ArrayLike,
        state: AnchorState,
        *,
        where: ArrayLike | None = None,
        axis_name: Hashable | None = None,
    ) -> AnchorState:
        features, _ = _checks.features_and_anchors(features, state.anchors)
        labels = _checks.labels(labels, features.shape[:-1], of="features")
        where = _checks.mask(where, features.shape[:-1])
        features = jax.lax.stop_gradient(features).astype(state.anchors.dtype)
        means, counts = _class_means(features, labels, where, num_classes, axis_name)
        state = _fold_in(state, means, counts, jnp.asarray(ratio, means.dtype))
        lam = rate(state.num_updates) if callable(rate) else rate
        moved = _move(state, jnp.asarray(lam, means.dtype))
        is_end = state.num_steps % jnp.asarray(every, jnp.int32) == 0
        return jax.tree.map(lambda new, old: jnp.where(is_end, new, old), moved, state)

    return AnchorRule(init, update)


def _start(anchors: ArrayLike, num_classes: int, dim: int) -> AnchorState:
    """The state before the first step, with an empty window."""
    anchors = _checks.floating("anchors", anchors)
    if anchors.shape != (num_classes, dim):
        raise ValueError(
            f"anchors must have shape ({num_classes}, {dim}), [classes, dim] of this rule, "
            f"got shape {anchors.shape}."
        )
    return AnchorState(
        anchors=anchors,
        window_means=jnp.zeros_like(anchors),
        window_weights=jnp.zeros(num_classes, anchors.dtype),
        window_seen=jnp.zeros(num_classes, bool),
        num_steps=jnp.zeros((), jnp.int32),
        num_updates=jnp.zeros((), jnp.int32),
    )


def _class_means(
    features: jax.Array,
    labels: jax.Array,
    where: jax.Array,
    num_classes: int,
    axis_name: Hashable | None,
) -> tuple[jax.Array, jax.Array]:
    """Mean feature `[classes, dim]` and size `[classes]` of each class in the whole batch."""
    batch_axes, labels = tuple(range(labels.ndim)), jnp.where(where, labels, 0)
    is_member = jax.nn.one_hot(labels, num_classes, dtype=bool) & where[..., None]
    in_range = jnp.all((labels >= 0) & (labels < num_classes))

    def total(of_class: jax.Array) -> jax.Array:
        return jnp.sum(features, axis=batch_axes, where=of_class[..., None])

    sums = jax.vmap(total, in_axes=-1)(is_member)
    sums = jnp.where(in_range, sums, jnp.nan)
    counts = jnp.where(in_range, jnp.sum(is_member, axis=batch_axes, dtype=features.dtype), jnp.nan)
    totals = sums, counts
    sums, counts = totals if axis_name is None else jax.lax.psum(totals, axis_name)
    return sums / jnp.maximum(counts, 1)[:, None], counts


def _fold_in(
    state: AnchorState, means: jax.Array, counts: jax.Array, ratio: jax.Array
) -> AnchorState:
    """The state with one step's class means in the window, one weight for every example in it.

    `window_weights` are relative to the current step, so old ones fade by `1 / ratio` a step. For
    ratio > 1 they may reach 0 unharmed: the next mean then takes over whole. For ratio < 1 they
    grow, and stop at a limit from where no later step can tell.
    """
    weights = jnp.minimum(state.window_weights / ratio, _WEIGHT_LIMIT) + counts
    is_seen = counts != 0  # also NaN, which must spread
    share = jnp.where(is_seen, counts / jnp.where(is_seen, weights, 1), 0)[:, None]
    moved = state.window_means + share * (means - state.window_means)
    return state._replace(
        window_means=jnp.where(is_seen[:, None], moved, state.window_means),
        window_weights=weights,
        window_seen=state.window_seen | is_seen,
        num_steps=state.num_steps + 1,
    )


def _move(state: AnchorState, rate: jax.Array) -> AnchorState:
    """The state after an anchor update (Eq. 10), with an empty window."""
    moved = rate * state.window_means + (1 - rate) * state.anchors
    return state._replace(
        anchors=jnp.where(state.window_seen[:, None], moved, state.anchors),
        window_means=jnp.zeros_like(state.window_means),
        window_weights=jnp.zeros_like(state.window_weights),
        window_seen=jnp.zeros_like(state.window_seen),
        num_updates=state.num_updates + 1,
    )
