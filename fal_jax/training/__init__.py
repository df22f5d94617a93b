"""Training steps as pairs of pure functions, and many models in one program."""

from fal_jax.training._problems import Capacity as Capacity
from fal_jax.training._problems import Problem as Problem
from fal_jax.training._programs import Best as Best
from fal_jax.training._programs import Build as Build
from fal_jax.training._programs import Metric as Metric
from fal_jax.training._programs import Settings as Settings
from fal_jax.training._programs import binned_average_precision as binned_average_precision
from fal_jax.training._schedules import ramped as ramped
from fal_jax.training._schedules import switched as switched
from fal_jax.training._second_stage import fresh_head as fresh_head
from fal_jax.training._second_stage import head_only as head_only
from fal_jax.training._second_stage import scaled_head as scaled_head
from fal_jax.training._second_stage import tau_normalised as tau_normalised
from fal_jax.training._step import Batch as Batch
from fal_jax.training._step import Loss as Loss
from fal_jax.training._step import Trainer as Trainer
from fal_jax.training._step import TrainState as TrainState
from fal_jax.training._step import fit as fit
from fal_jax.training._step import model_params as model_params
from fal_jax.training._step import trainer as trainer
from fal_jax.training._step import with_params as with_params
from fal_jax.training._sweep import Sweep as Sweep
from fal_jax.training._sweep import sweep as sweep
