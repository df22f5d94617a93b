"""Decoupled training: a head trained or rescaled anew on features that stay as they are."""

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from fal_jax import _keys
from fal_jax.models import Head, Params


def fresh_head(key: jax.Array, params: Params, head: Head) -> Params:
    """Parameters with a head that starts anew: the first step of classifier re-training (cRT).

    The second is to train with `head_only`, on batches in which the classes are balanced, as
    `data.class_aware_rows` and `data.sample_rows` draw them.

    Args:
      key: a PRNG key.
      params: of a trained model, with a "head".
      head: the new head; of the same kind or another one of the same width.

    Returns:
      The parameters, all but the head as they were.

    Raises:
      TypeError: key is no PRNG key.

    References:
      Kang et al., Decoupling Representation and Classifier for Long-Tailed Recognition, ICLR 2020,
      Sec. 4.2.

    Example:
      >>> from fal_jax import models
      >>> params, _ = models.mlp(3, 2).init(jax.random.key(0))
      >>> params = fresh_head(jax.random.key(1), params, models.linear_head(2, 8))
    """
    _keys.checked(key)
    return {**params, "head": head.init(key)}


def head_only(optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
    """An optimiser that moves the head alone.

    Batch norm statistics are no parameters: `trainer(..., train=False)` keeps them.

    Args:
      optimizer: what moves the head.

    Returns:
      An optimiser for parameters with a "head"; it has state for the head alone.

    References:
      Kang et al., ICLR 2020, Sec. 4.2.

    Example:
      >>> trainer_of_the_head = head_only(optax.sgd(0.1, momentum=0.9))
    """

    def labels(params: Params) -> dict[str, str]:
        return {name: "head" if name == "head" else "rest" for name in params}

    return optax.partition({"head": optimizer, "rest": optax.set_to_zero()}, labels)


def tau_normalised(head: Params, *, tau: ArrayLike = 1.0) -> dict[str, jax.Array]:
    """A linear head whose class weights are divided by a power of their length, without a bias.

    `w_k <- w_k / ||w_k||^tau`: frequent classes, whose weights grow long, lose their lead.

    Args:
      head: parameters of `models.linear_head`, `kernel [dim, classes]` and `bias [classes]`.
      tau: scalar in [0, 1]; 0 keeps the lengths, 1 makes them all 1. Choose it on validation rows.

    Returns:
      Parameters of the same kind; the bias is 0. A weight of length 0 stays 0.

    Raises:
      ValueError: head is not that of a linear head.

    References:
      Kang et al., ICLR 2020, Sec. 4.2.

    Example:
      >>> tau_normalised({"kernel": jnp.array([[3.0], [4.0]]), "bias": jnp.ones(1)})["kernel"].T
      Array([[0.6, 0.8]], dtype=float32)
    """
    kernel, bias = _linear(head)
    square = jnp.sum(kernel**2, axis=0, keepdims=True)
    power = jnp.where(square > 0, square, 1) ** (jnp.asarray(tau, kernel.dtype) / 2)
    return {"kernel": kernel / power, "bias": jnp.zeros_like(bias)}


def scaled_head(head: Params, scales: ArrayLike) -> dict[str, jax.Array]:
    """A linear head with each class' logit scaled: learnable weight scaling (LWS).

    `z_k <- s_k z_k`. Keep the head, and learn the scales, from ones, on balanced batches.

    Args:
      head: parameters of `models.linear_head`, `kernel [dim, classes]` and `bias [classes]`.
      scales: `[classes]`.

    Returns:
      Parameters of the same kind. Gradients flow to both.

    Raises:
      ValueError: head is not that of a linear head, or scales is not one number a class.

    References:
      Kang et al., ICLR 2020, Sec. 4.2; the bias is scaled too, as in its implementation.

    Example:
      >>> head = {"kernel": jnp.ones((1, 2)), "bias": jnp.ones(2)}
      >>> scaled_head(head, jnp.array([1.0, 3.0]))["bias"]
      Array([1., 3.], dtype=float32)
    """
    kernel, bias = _linear(head)
    scales = jnp.asarray(scales, kernel.dtype)
    if scales.shape != bias.shape:
        raise ValueError(f"scales must have shape {bias.shape}, got shape {scales.shape}.")
    return {"kernel": kernel * scales[None], "bias": bias * scales}


def _linear(head: Params) -> tuple[jax.Array, jax.Array]:
    if set(head) != {"kernel", "bias"}:
        raise ValueError(f"head must hold kernel and bias, as a linear head, got {sorted(head)}.")
    return head["kernel"], head["bias"]
