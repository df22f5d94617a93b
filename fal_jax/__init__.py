"""Learning from imbalanced data in JAX: Focused Anchors Loss and its relatives.

Import what you need from the subpackages; each stands alone:

    from fal_jax import anchors, losses
"""

__version__ = "0.1.0"
