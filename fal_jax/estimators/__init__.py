"""Named methods and scikit-learn classifiers: the edge of the library.

The classifiers need scikit-learn, the methods do not: they are imported when they are asked for.
"""

from typing import TYPE_CHECKING

from fal_jax.estimators.baselines import BASELINES as BASELINES
from fal_jax.estimators.baselines import Baseline as Baseline
from fal_jax.estimators.family import FAMILY as FAMILY
from fal_jax.estimators.image_methods import IMAGE_FAMILY as IMAGE_FAMILY
from fal_jax.estimators.image_methods import IMAGE_METHODS as IMAGE_METHODS
from fal_jax.estimators.methods import METHODS as METHODS
from fal_jax.estimators.methods import Method as Method
from fal_jax.estimators.rivals import RIVALS as RIVALS
from fal_jax.estimators.search import Range as Range
from fal_jax.estimators.search import draw_settings as draw_settings
from fal_jax.estimators.search import middle_settings as middle_settings
from fal_jax.estimators.search import paper_grid as paper_grid

if TYPE_CHECKING:
    from fal_jax.estimators._classifiers import FocusedAnchorsClassifier as FocusedAnchorsClassifier
    from fal_jax.estimators._classifiers import ImbalancedMLPClassifier as ImbalancedMLPClassifier

_CLASSIFIERS = ("FocusedAnchorsClassifier", "ImbalancedMLPClassifier")


def __getattr__(name: str) -> type:
    if name not in _CLASSIFIERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from fal_jax.estimators import _classifiers
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{name} needs {error.name}: pip install fal-jax[estimators]", name=error.name
        ) from error
    return getattr(_classifiers, name)
