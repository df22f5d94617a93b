"""Named methods, for experiments and tools: the edge of the library."""

from fal_jax.estimators.methods import METHODS as METHODS
from fal_jax.estimators.methods import Method as Method
from fal_jax.estimators.methods import Range as Range
from fal_jax.estimators.methods import draw_settings as draw_settings
