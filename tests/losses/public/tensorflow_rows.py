"""The implementations in TensorFlow; those for its first version run on what is left of that."""

import types

import keras
import numpy as np
import tensorflow as tf

from tests.losses.public import originals
from tests.losses.public.row import rows_in

COUNTS = [500, 120, 40, 9, 3]


def differentiate(function, arrays, floating):
    made = {name: tf.constant(a) for name, a in arrays.items()}
    made |= {name: tf.Variable(arrays[name], dtype=tf.float32) for name in floating}
    with tf.GradientTape() as tape:
        value = function(**made)
        total = tf.reduce_sum(value)
    gradients = tape.gradient(total, {name: made[name] for name in floating})
    return value.numpy(), {name: tf.convert_to_tensor(g).numpy() for name, g in gradients.items()}


row = rows_in(differentiate)


class FirstVersion:
    """TensorFlow 1 as far as two losses need it; `variable` is the one that they create."""

    log1p = staticmethod(tf.math.log1p)
    contrib = types.SimpleNamespace(layers=types.SimpleNamespace(xavier_initializer=lambda: None))

    def __init__(self, variable=None):
        self.variable = variable

    def get_variable(self, *_, **__):
        return self.variable

    def __getattr__(self, name):
        return getattr(tf.compat.v1, name)


@row("Dissertation/logit_adjustment/utils.py", class_counts=COUNTS, tau=1.2)
def logit_adjustment(logits, labels, class_counts, tau):
    build = originals.function("Dissertation/logit_adjustment/utils.py", "build_loss_fn", tf=tf)
    return build(True, np.array(class_counts) / sum(class_counts), tau)(labels, logits)


@row("class-balanced-loss/src/cifar_main.py", weights=[0.2, 0.4, 0.8, 1.6, 2.0], gamma=2.0)
def class_balanced_official_focal(logits, labels, weights, gamma):
    focal = originals.function(
        "class-balanced-loss/src/cifar_main.py", "focal_loss", tf=FirstVersion()
    )
    one_hot = tf.one_hot(labels, len(weights))
    return focal(one_hot, logits, tf.gather(tf.constant(weights), labels)[:, None], gamma)


@row("class-balanced-loss/src/cifar_main.py", gamma=0.5)
def class_balanced_official_focal_saturated(saturated, saturated_labels, gamma):
    focal = originals.function(
        "class-balanced-loss/src/cifar_main.py", "focal_loss", tf=FirstVersion()
    )
    return focal(tf.one_hot(saturated_labels, 5), -saturated, 1.0, gamma)


@row("L-GM-loss/tensorflow/resnet_model.py", margin=0.4, likelihood_weight=0.2)
def lgm(features, labels, anchors, margin, likelihood_weight):
    """The cross-entropy of its training logits plus its likelihood term."""
    logits, likelihood, _ = originals.function(
        "L-GM-loss/tensorflow/resnet_model.py", "lgm_logits", tf=FirstVersion(anchors)
    )(features, 5, labels, margin, likelihood_weight)
    cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return tf.reduce_mean(cross_entropy) + likelihood


@row("affinity-loss/affinity_loss.py", margin=0.75, sigma=10.0)
def affinity(features, labels, prototypes, margin, sigma):
    """One value an example, the regulariser of the prototypes added to each."""
    tf.matrix_band_part = tf.linalg.band_part
    keras.backend.int_shape = lambda variable: tuple(variable.shape)
    module = originals.module("affinity-loss/affinity_loss.py")
    layer = module.ClusteringAffinity(5, 2, sigma)
    layer.W = prototypes
    one_hot = tf.pad(tf.one_hot(labels, 5), [[0, 0], [0, 1]])
    return module.affinity_loss(margin)(one_hot, layer.call(features))
