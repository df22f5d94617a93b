"""Losses for imbalanced classification: pure functions of scores and labels.

Nearly all of them are one pipeline over `[..., classes]`, each stage a public function:

    scores      squared_distances, half_mahalanobis, cosines, gaussian_affinities
    adjust      z_k <- a_k z_k + b_k                 adjust; then class_log_odds
    margin      u_k <- u_k - m_k                     with_margin
    modulate    (1 - p_k)^gamma (-log p_k) ...       modulate
    weigh       alpha_k                              weigh, with inverse_frequency_weights,
                                                     effective_number_weights
    labels      integer or soft                      of_labels, smooth_labels

`softmax_loss` is all of it in one call, and a named loss is a corner of it. Which one when:

    a start, well tuned                  softmax_cross_entropy
    easy examples drown the rest         softmax_focal_loss, poly_loss; sigmoid_focal_loss
    balanced error counts                logit_adjusted_loss (= balanced_softmax_loss at tau 1),
                                         vs_loss, cdt_loss; after training adjust or shift_prior
    rare classes need room               ldam_loss, cosface_loss, arcface_loss, gcl_loss on cosines
    class weights                        alpha of any of them; influence_balanced_weights
    frequent classes push rare ones      seesaw_loss, equalization_loss
    many labels an example               asymmetric_loss, sigmoid_focal_loss
    noisy labels, overconfidence         smooth_labels, label_aware_smoothing
    distances are the scores             fal_loss, lgm_loss, cac_loss; center_loss, affinity_loss;
                                         from features they stream over any number of classes
    AUC, or precision on top, counts     auc_squared_hinge_loss, auc_logistic_loss, aucm_loss,
                                         partial_auc_loss, smooth_ap_loss: one value a batch
    prediction                           class_log_probabilities, ranking_score, nearest_anchors

Logit adjustment and its kin assume that the classes keep their shapes and that only their shares
change; margins assume features that can be told apart; class weights change what is learned only
while the training data are not fitted. What is equal to what:

    softmax_focal_loss      gamma = 0           softmax_cross_entropy
    poly_loss               epsilon = 0         softmax_focal_loss
    logit_adjusted_loss     tau = 1             balanced_softmax_loss; tau = 0 softmax_cross_entropy
    vs_loss                 exponent = 0        logit_adjusted_loss; tau = 0 cdt_loss
    ldam_loss               equal counts        cosface_loss; so gcl_loss with strength = 0
    asymmetric_loss         clip = 0, gammas    sigmoid_focal_loss
    fal_loss                beta = 0            mean of softmax_loss of -distances
    lgm_loss                no likelihood       softmax_loss with margin = multiple of the distance
    cac_loss                weight = 0          fal_loss with margin = gamma = beta = 0

Scores are `[..., classes]`, labels integer `[...]` or soft `[..., classes]`: these cost the mean of
what each class would as the true one. Hyper-parameters are keyword-only and may be traced arrays; a
traced value out of its range is not caught and means nothing. `where` marks valid examples: the
others may hold anything and cost nothing, so that `where=labels != 255` ignores a label. A loss of
one value an example is multiplied by example weights, if any, and averaged by the caller;
`fal_loss` and `lgm_loss`, statistics of the batch, are one value and take `weights`. Losses that
rank a batch take neither weights nor soft labels, those that stream over classes no soft labels.
All arithmetic is in log-space and in `promote_types(dtype, float32)`.

>>> import jax, jax.numpy as jnp
>>> logits, labels = jnp.array([[2.0, 0.0], [1.0, 0.0]]), jnp.array([0, 1])
>>> counts = jnp.array([990, 10])

Cross-entropy, focal loss weighted by class, and LDAM over logit adjustment, which no one named:

>>> softmax_cross_entropy(logits, labels).round(2)
Array([0.13, 1.31], dtype=float32)
>>> weights = inverse_frequency_weights(counts)
>>> softmax_focal_loss(logits, labels, gamma=2.0, alpha=weights).mean().round(2)
Array(0.69, dtype=float32)
>>> adjusted = adjust(logits, shift=class_log_prior(counts))
>>> softmax_loss(adjusted, labels, margin=ldam_margins(counts)).round(1)
Array([0. , 6.1], dtype=float32)

Mixed and smoothed labels, and an ignored one:

>>> smooth = smooth_labels(labels, num_classes=2)
>>> mixed = 0.7 * smooth + 0.3 * smooth[::-1]
>>> softmax_focal_loss(logits, mixed).shape
(2,)
>>> ignored = jnp.array([0, 255])
>>> softmax_cross_entropy(logits, ignored, where=ignored != 255).round(2)
Array([0.13, 0.  ], dtype=float32)

Distances to anchors in place of a linear layer:

>>> features, anchors = jnp.array([[0.0, 1.0], [2.0, 0.0]]), jnp.array([[0.0, 0.0], [1.0, 0.0]])
>>> loss, pull = jax.value_and_grad(fal_loss_from_features)(features, labels, anchors, margin=0.5)
>>> nearest = squared_distances(features, anchors).argmin(-1)
"""

from fal_jax.losses._anchored import class_mean_distance as class_mean_distance
from fal_jax.losses._anchored import fal_loss as fal_loss
from fal_jax.losses._anchored import fal_loss_from_features as fal_loss_from_features
from fal_jax.losses._asymmetric import asymmetric_loss as asymmetric_loss
from fal_jax.losses._asymmetric import single_label_asymmetric_loss as single_label_asymmetric_loss
from fal_jax.losses._auc import auc_logistic_loss as auc_logistic_loss
from fal_jax.losses._auc import auc_squared_hinge_loss as auc_squared_hinge_loss
from fal_jax.losses._auc import partial_auc_loss as partial_auc_loss
from fal_jax.losses._aucm import AUCMState as AUCMState
from fal_jax.losses._aucm import aucm_loss as aucm_loss
from fal_jax.losses._average_precision import smooth_ap_loss as smooth_ap_loss
from fal_jax.losses._centers import affinity_loss as affinity_loss
from fal_jax.losses._centers import cac_loss as cac_loss
from fal_jax.losses._centers import center_loss as center_loss
from fal_jax.losses._centers import gaussian_affinities as gaussian_affinities
from fal_jax.losses._centers import prototype_diversity as prototype_diversity
from fal_jax.losses._classification import poly_loss as poly_loss
from fal_jax.losses._classification import softmax_cross_entropy as softmax_cross_entropy
from fal_jax.losses._classification import softmax_focal_loss as softmax_focal_loss
from fal_jax.losses._classification import softmax_loss as softmax_loss
from fal_jax.losses._clouded import gcl_loss as gcl_loss
from fal_jax.losses._cosine import arcface_loss as arcface_loss
from fal_jax.losses._cosine import cosface_loss as cosface_loss
from fal_jax.losses._cosine import cosines as cosines
from fal_jax.losses._cosine import ldam_loss as ldam_loss
from fal_jax.losses._cosine import ldam_margins as ldam_margins
from fal_jax.losses._equalization import equalization_loss as equalization_loss
from fal_jax.losses._equalization import seesaw_loss as seesaw_loss
from fal_jax.losses._gaussian import lgm_loss as lgm_loss
from fal_jax.losses._gaussian import lgm_loss_from_features as lgm_loss_from_features
from fal_jax.losses._nearest import nearest_anchors as nearest_anchors
from fal_jax.losses._priors import balanced_softmax_loss as balanced_softmax_loss
from fal_jax.losses._priors import cdt_loss as cdt_loss
from fal_jax.losses._priors import class_log_prior as class_log_prior
from fal_jax.losses._priors import logit_adjusted_loss as logit_adjusted_loss
from fal_jax.losses._priors import shift_prior as shift_prior
from fal_jax.losses._priors import vs_loss as vs_loss
from fal_jax.losses._scores import class_log_probabilities as class_log_probabilities
from fal_jax.losses._scores import distance_logits as distance_logits
from fal_jax.losses._scores import half_mahalanobis as half_mahalanobis
from fal_jax.losses._scores import ranking_score as ranking_score
from fal_jax.losses._scores import squared_distances as squared_distances
from fal_jax.losses._sigmoid import sigmoid_focal_loss as sigmoid_focal_loss
from fal_jax.losses._smoothing import label_aware_smoothing as label_aware_smoothing
from fal_jax.losses._smoothing import smooth_labels as smooth_labels
from fal_jax.losses._stages import adjust as adjust
from fal_jax.losses._stages import class_log_odds as class_log_odds
from fal_jax.losses._stages import modulate as modulate
from fal_jax.losses._stages import of_labels as of_labels
from fal_jax.losses._stages import weigh as weigh
from fal_jax.losses._stages import with_margin as with_margin
from fal_jax.losses._weights import effective_number_weights as effective_number_weights
from fal_jax.losses._weights import influence_balanced_weights as influence_balanced_weights
from fal_jax.losses._weights import inverse_frequency_weights as inverse_frequency_weights
