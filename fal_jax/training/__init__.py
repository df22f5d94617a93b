"""Training steps as pairs of pure functions, and many models in one program."""

from fal_jax.training._step import Batch as Batch
from fal_jax.training._step import Loss as Loss
from fal_jax.training._step import Trainer as Trainer
from fal_jax.training._step import TrainState as TrainState
from fal_jax.training._step import fit as fit
from fal_jax.training._step import model_params as model_params
from fal_jax.training._step import trainer as trainer
from fal_jax.training._sweep import Build as Build
from fal_jax.training._sweep import Fits as Fits
from fal_jax.training._sweep import Problem as Problem
from fal_jax.training._sweep import Settings as Settings
from fal_jax.training._sweep import fit_many as fit_many
