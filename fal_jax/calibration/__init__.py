"""Decisions and probabilities from scores: thresholds, calibrators, other priors.

Thresholds by F-beta and balanced accuracy come with `fal_jax.metrics.best_f_beta` and
`best_balanced_accuracy`.
"""

from fal_jax.calibration._calibrators import Calibrator as Calibrator
from fal_jax.calibration._calibrators import Step as Step
from fal_jax.calibration._calibrators import beta as beta
from fal_jax.calibration._calibrators import isotonic as isotonic
from fal_jax.calibration._calibrators import platt as platt
from fal_jax.calibration._calibrators import temperature as temperature
from fal_jax.calibration._decisions import alarm_threshold as alarm_threshold
from fal_jax.calibration._decisions import bayes_threshold as bayes_threshold
from fal_jax.calibration._decisions import correct_priors as correct_priors
from fal_jax.calibration._decisions import correct_undersampling as correct_undersampling
