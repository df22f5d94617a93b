"""Metrics that stay right for rare classes, as sums that merge; for use inside jitted programs.

>>> import jax.numpy as jnp
>>> counts = score_counts(jnp.array([-3.0, 0.5, 1.0, 2.0]), jnp.array([0, 1, 0, 1]))
>>> float(roc_auc(counts)), round(float(average_precision(counts)), 4)
(0.75, 0.8333)
"""

from fal_jax.metrics._ranking import average_precision as average_precision
from fal_jax.metrics._ranking import roc_auc as roc_auc
from fal_jax.metrics._ranking import score_counts as score_counts
