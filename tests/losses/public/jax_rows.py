"""The implementations in JAX."""

import jax
import jax.numpy as jnp
import optax

from tests.losses.public.row import rows_in

jax.config.update("jax_enable_x64", True)


def differentiate(function, arrays, floating):
    fixed = {name: jnp.asarray(a) for name, a in arrays.items() if name not in floating}

    def total(made):
        value = function(**made, **fixed)
        return jnp.sum(value), value

    made = {name: jnp.asarray(arrays[name]) for name in floating}
    gradients, value = jax.grad(total, has_aux=True)(made)
    return value, gradients


row = rows_in(differentiate)


@row("optax")
def optax_cross_entropy(logits, labels):
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels)


@row("optax", gamma=0.5, alpha=0.25)
def optax_sigmoid_focal(logits, targets, gamma, alpha):
    return optax.sigmoid_focal_loss(logits, targets.astype(float), gamma=gamma, alpha=alpha)


@row("optax", epsilon=2.0)
def optax_poly(logits, labels, epsilon):
    return optax.losses.poly_loss_cross_entropy(logits, jax.nn.one_hot(labels, 5), epsilon=epsilon)


@row("optax", label_smoothing=0.1)
def optax_label_smoothing(logits, labels, label_smoothing):
    smooth = optax.smooth_labels(jax.nn.one_hot(labels, 5), label_smoothing)
    return optax.softmax_cross_entropy(logits, smooth)
