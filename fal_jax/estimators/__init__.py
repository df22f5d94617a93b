"""Named methods, for experiments and tools: the edge of the library."""

from fal_jax.estimators.baselines import BASELINES as BASELINES
from fal_jax.estimators.baselines import Baseline as Baseline
from fal_jax.estimators.family import FAMILY as FAMILY
from fal_jax.estimators.image_methods import IMAGE_METHODS as IMAGE_METHODS
from fal_jax.estimators.methods import METHODS as METHODS
from fal_jax.estimators.methods import Method as Method
from fal_jax.estimators.search import Range as Range
from fal_jax.estimators.search import draw_settings as draw_settings
from fal_jax.estimators.search import paper_grid as paper_grid
