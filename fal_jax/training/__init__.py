from fal_jax.training._step import Batch as Batch, TrainState as TrainState, Trainer as Trainer, trainer as trainer, fit as fit, model_params as model_params
