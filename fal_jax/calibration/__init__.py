"""Decisions and probabilities from scores: thresholds, calibrators, other priors.

Thresholds by F-beta, by balanced accuracy and by the costs that labelled examples make come with
`fal_jax.metrics.best_f_beta`, `best_balanced_accuracy` and `least_cost`.
"""

from fal_jax.calibration._calibrators import Calibrator as Calibrator
from fal_jax.calibration._calibrators import beta as beta
from fal_jax.calibration._calibrators import platt as platt
from fal_jax.calibration._calibrators import temperature as temperature
from fal_jax.calibration._decisions import alarm_threshold as alarm_threshold
from fal_jax.calibration._decisions import bayes_threshold as bayes_threshold
from fal_jax.calibration._decisions import correct_priors as correct_priors
from fal_jax.calibration._decisions import correct_undersampling as correct_undersampling
from fal_jax.calibration._decisions import estimate_priors as estimate_priors
from fal_jax.calibration._isotonic import Step as Step
from fal_jax.calibration._isotonic import isotonic as isotonic
