"""One training step, as a pair of pure functions."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, cast

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from fal_jax.anchors import AnchorRule, AnchorState
from fal_jax.models import Model, Outputs, Params, Stats


class Batch(NamedTuple):
    """A minibatch.

    Attributes:
      inputs: `[batch, ...]`.
      labels: `[batch]`, integer.
      where: `[batch]`, bool, the valid examples; the others may hold anything.
      step: how many steps came before; the trainer sets it, for losses that change in training.
      weights: `[batch]`, how much each example counts in the loss, for losses that look; or None.
    """

    inputs: jax.Array
    labels: jax.Array
    where: jax.Array
    step: jax.Array | int = 0
    weights: jax.Array | None = None


class Loss(Protocol):
    """What a training step minimises."""

    def __call__(self, outputs: Outputs, head: Params, batch: Batch) -> jax.Array:
        """Returns a scalar from the model's outputs, its head's parameters and the batch."""
        ...


class TrainState(NamedTuple):
    """All that training carries, a plain pytree.

    Attributes:
      params: what the optimiser moves.
      stats: the model's statistics.
      opt_state: the optimiser's state.
      anchors: the state of anchors that a rule moves, or None.
      step: the number of steps made, int32.
    """

    params: Params
    stats: Stats
    opt_state: optax.OptState
    anchors: AnchorState | None
    step: jax.Array


class Trainer(NamedTuple):
    """Training as a pair of pure functions.

    Attributes:
      init: `init(key) -> state`.
      update: `update(state, batch) -> (state, loss)`, one step.
    """

    init: Callable[[jax.Array], TrainState]
    update: Callable[[TrainState, Batch], tuple[TrainState, jax.Array]]


def trainer(
    model: Model,
    loss: Loss,
    optimizer: optax.GradientTransformation,
    rule: AnchorRule | None = None,
    *,
    train: bool = True,
) -> Trainer:
    """Joins a model, a loss, an optimiser and, for FAML, an anchor rule into a training step.

    One step is: forward with the parameters and anchors of step t, loss, gradient, optimiser
    update, then the rule's update with the features of that same forward pass.

    Args:
      model: its outputs are `Outputs`, its parameters have a "head".
      loss: `loss(outputs, head, batch) -> scalar`.
      optimizer: an optax transformation; its hyper-parameters may be traced.
      rule: moves the anchors, which then start where the head's do and are no parameters.
      train: False runs the network as at inference, so that statistics of batch norm stay.

    Returns:
      A `Trainer`.

    Example:
      >>> from fal_jax import anchors, losses, models
      >>> model = models.mlp(36, 2, head=models.anchored_head)
      >>> def loss(outputs, head, batch):
      ...     return losses.fal_loss(-outputs.logits, batch.labels, margin=0.5, where=batch.where)
      >>> faml = trainer(model, loss, optax.adagrad(0.1), anchors.faml(2, 8))
      >>> state = faml.init(jax.random.key(0))
    """

    def init(key: jax.Array) -> TrainState:
        params, stats = model.init(key)
        if rule is None:
            return TrainState(params, stats, optimizer.init(params), None, jnp.int32(0))
        if "anchors" not in params["head"]:
            raise ValueError(
                "rule moves anchors, so model must have an anchored head, got one with "
                f"{sorted(params['head'])}."
            )
        anchors = rule.init(params["head"]["anchors"])
        params = {name: value for name, value in params.items() if name != "head"}
        return TrainState(params, stats, optimizer.init(params), anchors, jnp.int32(0))

    def update(state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
        def objective(params: Params):
            params = model_params(state._replace(params=params))
            outputs, stats = model.apply(params, state.stats, batch.inputs, train=train)
            value = loss(outputs, params["head"], batch._replace(step=state.step))
            return value, (outputs.features, stats)

        gradient = jax.value_and_grad(objective, has_aux=True)
        (value, (features, stats)), gradients = gradient(state.params)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        params = cast(Params, optax.apply_updates(state.params, updates))
        anchors = state.anchors
        if rule is not None and anchors is not None:
            anchors = rule.update(features, batch.labels, anchors, where=batch.where)
        return TrainState(params, stats, opt_state, anchors, state.step + 1), value

    return Trainer(init, update)


def model_params(state: TrainState) -> Params:
    """The parameters that `Model.apply` takes: with the rule's anchors as the head, if any.

    Args:
      state: a training state.

    Returns:
      Its parameters, whole.
    """
    if state.anchors is None:
        return state.params
    return {**state.params, "head": {"anchors": state.anchors.anchors}}


def with_params(state: TrainState, params: Params) -> TrainState:
    """A training state with other parameters: what `model_params` gives, put back.

    Args:
      state: a training state.
      params: parameters of its model, whole; the head's are the anchors where a rule moves them.

    Returns:
      The state with these, its optimiser and its rule's window as they were.
    """
    if state.anchors is None:
        return state._replace(params=params)
    anchors = state.anchors._replace(anchors=params["head"]["anchors"])
    body = {name: value for name, value in params.items() if name != "head"}
    return state._replace(params=body, anchors=anchors)


def fit(
    trainer: Trainer,
    state: TrainState,
    inputs: ArrayLike,
    labels: ArrayLike,
    batches: ArrayLike | Callable[[jax.Array], jax.Array],
    *,
    num_steps: int | None = None,
) -> tuple[TrainState, jax.Array]:
    """Trains one model, as one scan over the steps; pure, to be jitted or vmapped.

    Batches may be drawn inside the scan, by `state.step`: so a sampler can change in training, as
    deferred re-sampling does, without being compiled anew.

    Args:
      trainer: what to do in a step.
      state: where to start, `trainer.init(key)`.
      inputs: `[rows, ...]`, the training data, already on the device.
      labels: `[rows]`, integer.
      batches: `[steps, batch]`, row numbers, -1 for padding; see `fal_jax.data.epoch_batches`.
        A step of padding alone is no step: it leaves the state as it is. Or a function of the step
        that draws a batch, `[batch]`; see `fal_jax.data.sample_rows`.
      num_steps: how many batches a function draws; None where batches are given.

    Returns:
      The last state and the loss at each step, `[steps]`.

    Raises:
      ValueError: batches is a function and num_steps is None.

    Example:
      >>> from fal_jax import data, training
      >>> exponent = training.switched(1.0, 0.0, at=800)  # DRS: rows alike, then classes alike
      >>> def draw(step):  # with rows = data.class_rows(labels, num_classes)
      ...     key = jax.random.fold_in(jax.random.key(0), step)
      ...     return data.sample_rows(key, rows, 256, exponent=exponent(step))
    """
    inputs, labels = jnp.asarray(inputs), jnp.asarray(labels)
    if callable(batches) and num_steps is None:
        raise ValueError("num_steps must be given where batches is a function, got None.")

    def step(state: TrainState, rows: jax.Array | None) -> tuple[TrainState, jax.Array]:
        rows = batches(state.step) if callable(batches) else jnp.asarray(rows)
        return advance(trainer, state, Batch(inputs[rows], labels[rows], rows >= 0))

    given = None if callable(batches) else jnp.asarray(batches)
    return jax.lax.scan(step, state, given, length=num_steps)


def advance(trainer: Trainer, state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    """One step and its loss; a batch of padding alone leaves the state as it is."""
    new, loss = trainer.update(state, batch)
    is_step = jnp.any(batch.where)
    return jax.tree.map(lambda n, o: jnp.where(is_step, n, o), new, state), loss
