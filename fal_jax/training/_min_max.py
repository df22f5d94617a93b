"""The optimiser step of saddle-point losses, over any descent of optax."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from fal_jax.losses import AUCMState


def min_max(descent: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """Descent in all parameters, but ascent kept at 0 or above in the alpha of each `AUCMState`.

    `alpha <- max(alpha + step, 0)`, where the step is what `descent` makes of minus the gradient;
    all else, the network and a and b, moves as by `descent` alone.

    Args:
      descent: any transformation of optax, as `optax.sgd(0.1)`.

    Returns:
      A transformation for parameters that hold an `AUCMState` anywhere, beside the network's, as
      `{"network": params, "auc": AUCMState.zeros()}`. Its update needs the parameters.

    Raises:
      ValueError: from `init` where the parameters hold no `AUCMState`, from `update` without them.

    References:
      Yuan et al., Large-scale Robust Deep AUC Maximization, ICCV 2021, Algorithm 1, whose steps in
      alpha are these without momentum.

    Example:
      >>> optimiser = min_max(optax.sgd(0.5))
      >>> params = AUCMState(a=jnp.array(1.0), b=jnp.array(1.0), alpha=jnp.array(1.0))
      >>> steps, _ = optimiser.update(AUCMState(1.0, 0.0, -3.0), optimiser.init(params), params)
      >>> [float(value) for value in optax.apply_updates(params, steps)]
      [0.5, 1.0, 0.0]
    """
    descent = optax.with_extra_args_support(descent)

    def init(params: Any) -> Any:
        if not any(map(_is_saddle, jax.tree.leaves(params, is_leaf=_is_saddle))):
            raise ValueError(f"params must hold an AUCMState, got {jax.tree.structure(params)}.")
        return descent.init(params)

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        if params is None:
            raise ValueError("params must be given to the update, since alpha is kept above 0.")
        turned = jax.tree.map(_turned, updates, is_leaf=_is_saddle)
        steps, state = descent.update(turned, state, params, **extra)
        return jax.tree.map(_projected, steps, params, is_leaf=_is_saddle), state

    return optax.GradientTransformationExtraArgs(init, update)


def _is_saddle(node: Any) -> bool:
    return isinstance(node, AUCMState)


def _turned(gradient: Any) -> Any:
    return gradient._replace(alpha=-gradient.alpha) if _is_saddle(gradient) else gradient


def _projected(step: Any, parameter: Any) -> Any:
    if not _is_saddle(step):
        return step
    return step._replace(alpha=jnp.maximum(step.alpha, -parameter.alpha))
