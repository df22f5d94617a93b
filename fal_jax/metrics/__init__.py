"""Metrics that stay right for rare classes: exact ones of arrays, and sums that merge.

>>> import jax.numpy as jnp
>>> scores, labels = jnp.array([-3.0, 0.5, 1.0, 2.0]), jnp.array([0, 1, 0, 1])
>>> float(roc_auc(scores, labels)), round(float(average_precision(scores, labels)), 4)
(0.75, 0.8333)
"""

from fal_jax.metrics._agreement import GroupAccuracy as GroupAccuracy
from fal_jax.metrics._agreement import cohen_kappa as cohen_kappa
from fal_jax.metrics._agreement import group_accuracy as group_accuracy
from fal_jax.metrics._agreement import matthews_correlation as matthews_correlation
from fal_jax.metrics._best import RankingMetrics as RankingMetrics
from fal_jax.metrics._best import best_balanced_accuracy as best_balanced_accuracy
from fal_jax.metrics._best import best_f_beta as best_f_beta
from fal_jax.metrics._best import least_cost as least_cost
from fal_jax.metrics._best import ranking_metrics as ranking_metrics
from fal_jax.metrics._comparisons import Comparison as Comparison
from fal_jax.metrics._comparisons import Ranks as Ranks
from fal_jax.metrics._comparisons import SignedRank as SignedRank
from fal_jax.metrics._comparisons import corrected_error as corrected_error
from fal_jax.metrics._comparisons import corrected_t_test as corrected_t_test
from fal_jax.metrics._comparisons import corrected_welch_test as corrected_welch_test
from fal_jax.metrics._comparisons import critical_difference as critical_difference
from fal_jax.metrics._comparisons import friedman_nemenyi as friedman_nemenyi
from fal_jax.metrics._comparisons import holm as holm
from fal_jax.metrics._comparisons import wilcoxon as wilcoxon
from fal_jax.metrics._counts import counted_average_precision as counted_average_precision
from fal_jax.metrics._counts import counted_roc_auc as counted_roc_auc
from fal_jax.metrics._counts import score_counts as score_counts
from fal_jax.metrics._curve import Best as Best
from fal_jax.metrics._decisions import balanced_accuracy as balanced_accuracy
from fal_jax.metrics._decisions import confusion_matrix as confusion_matrix
from fal_jax.metrics._decisions import f_beta as f_beta
from fal_jax.metrics._decisions import g_mean as g_mean
from fal_jax.metrics._decisions import per_class_recall as per_class_recall
from fal_jax.metrics._intervals import Interval as Interval
from fal_jax.metrics._intervals import bootstrap_interval as bootstrap_interval
from fal_jax.metrics._intervals import delong_difference as delong_difference
from fal_jax.metrics._intervals import delong_interval as delong_interval
from fal_jax.metrics._probabilities import binary_calibration_error as binary_calibration_error
from fal_jax.metrics._probabilities import brier_score as brier_score
from fal_jax.metrics._probabilities import (
    class_wise_calibration_error as class_wise_calibration_error,
)
from fal_jax.metrics._probabilities import log_loss as log_loss
from fal_jax.metrics._probabilities import (
    top_label_calibration_error as top_label_calibration_error,
)
from fal_jax.metrics._ranking import average_precision as average_precision
from fal_jax.metrics._ranking import partial_roc_auc as partial_roc_auc
from fal_jax.metrics._ranking import precision_at_k as precision_at_k
from fal_jax.metrics._ranking import recall_at_fpr as recall_at_fpr
from fal_jax.metrics._ranking import roc_auc as roc_auc
from fal_jax.metrics._stream_means import Summed as Summed
from fal_jax.metrics._stream_means import streaming_brier_score as streaming_brier_score
from fal_jax.metrics._stream_means import streaming_log_loss as streaming_log_loss
from fal_jax.metrics._streams import Counted as Counted
from fal_jax.metrics._streams import Metric as Metric
from fal_jax.metrics._streams import RankingEstimate as RankingEstimate
from fal_jax.metrics._streams import streaming_confusion as streaming_confusion
from fal_jax.metrics._streams import streaming_ranking as streaming_ranking
from fal_jax.metrics._streams import streaming_recall as streaming_recall
