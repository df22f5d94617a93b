"""Losses for imbalanced classification: pure functions of scores and labels.

    scores    squared_distances, half_mahalanobis      features and anchors -> distances
              distance_logits                          distances -> logits, margin on the true class
    losses    softmax_cross_entropy, softmax_focal_loss, sigmoid_focal_loss   one value an example
              fal_loss, fal_loss_from_features, lgm_loss, class_mean_distance   one value a batch
    ranking   auc_squared_hinge_loss, auc_logistic_loss, partial_auc_loss, smooth_ap_loss, aucm_loss
              (with `AUCMState`): surrogates of AUC and average precision, one value a batch
    weights   inverse_frequency_weights, effective_number_weights             for `alpha`
    output    class_log_probabilities, ranking_score

Scores are `[..., classes]`, labels integer `[...]`; hyper-parameters are keyword-only and may be
traced arrays; a traced value out of its range is not caught and means nothing. All arithmetic is
in log-space and in `promote_types(dtype, float32)`.

>>> import jax, jax.numpy as jnp
>>> features, labels = jnp.array([[0.0, 1.0], [2.0, 0.0]]), jnp.array([0, 1])
>>> anchors = jnp.array([[0.0, 0.0], [1.0, 0.0]])
>>> loss, pull = jax.value_and_grad(fal_loss_from_features)(features, labels, anchors, margin=0.5)
>>> nearest = squared_distances(features, anchors).argmin(-1)
"""

from fal_jax.losses._anchored import class_mean_distance as class_mean_distance
from fal_jax.losses._anchored import fal_loss as fal_loss
from fal_jax.losses._anchored import fal_loss_from_features as fal_loss_from_features
from fal_jax.losses._auc import auc_logistic_loss as auc_logistic_loss
from fal_jax.losses._auc import auc_squared_hinge_loss as auc_squared_hinge_loss
from fal_jax.losses._auc import partial_auc_loss as partial_auc_loss
from fal_jax.losses._aucm import AUCMState as AUCMState
from fal_jax.losses._aucm import aucm_loss as aucm_loss
from fal_jax.losses._average_precision import smooth_ap_loss as smooth_ap_loss
from fal_jax.losses._classification import sigmoid_focal_loss as sigmoid_focal_loss
from fal_jax.losses._classification import softmax_cross_entropy as softmax_cross_entropy
from fal_jax.losses._classification import softmax_focal_loss as softmax_focal_loss
from fal_jax.losses._gaussian import lgm_loss as lgm_loss
from fal_jax.losses._scores import class_log_probabilities as class_log_probabilities
from fal_jax.losses._scores import distance_logits as distance_logits
from fal_jax.losses._scores import half_mahalanobis as half_mahalanobis
from fal_jax.losses._scores import ranking_score as ranking_score
from fal_jax.losses._scores import squared_distances as squared_distances
from fal_jax.losses._weights import effective_number_weights as effective_number_weights
from fal_jax.losses._weights import inverse_frequency_weights as inverse_frequency_weights
