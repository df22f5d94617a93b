"""Training steps as pairs of pure functions; many models in one program, or one on all devices."""

from fal_jax.training._checkpoints import Checkpoint as Checkpoint
from fal_jax.training._checkpoints import Checkpoints as Checkpoints
from fal_jax.training._devices import device_mesh as device_mesh
from fal_jax.training._devices import on_all_devices as on_all_devices
from fal_jax.training._devices import split_batch as split_batch
from fal_jax.training._epochs import Run as Run
from fal_jax.training._epochs import run_epochs as run_epochs
from fal_jax.training._minibatches import Minibatches as Minibatches
from fal_jax.training._minibatches import Rows as Rows
from fal_jax.training._minibatches import minibatches as minibatches
from fal_jax.training._problems import Capacity as Capacity
from fal_jax.training._problems import Problem as Problem
from fal_jax.training._programs import Best as Best
from fal_jax.training._programs import Build as Build
from fal_jax.training._programs import Metric as Metric
from fal_jax.training._programs import Settings as Settings
from fal_jax.training._programs import binned_average_precision as binned_average_precision
from fal_jax.training._step import Batch as Batch
from fal_jax.training._step import Loss as Loss
from fal_jax.training._step import Trainer as Trainer
from fal_jax.training._step import TrainState as TrainState
from fal_jax.training._step import fit as fit
from fal_jax.training._step import model_params as model_params
from fal_jax.training._step import trainer as trainer
from fal_jax.training._sweep import Sweep as Sweep
from fal_jax.training._sweep import sweep as sweep
