"""Rows and images of a class, generated: BAGAN.

>>> import jax, numpy as np
>>> from fal_jax import models
>>> networks = models.table_autoencoder(2, hidden=(8,), latent=2)
>>> table, labels = np.arange(12, dtype=np.float32).reshape(6, 2) / 10, np.array([0, 0, 0, 0, 1, 1])
>>> key = jax.random.key(0)
>>> bagan = fit_bagan(key, networks, table, labels, num_classes=2, coding_steps=5, steps=5)
>>> generate(key, networks, bagan.state.generator, bagan.gaussians, [1] * 4).shape
(4, 2)
"""

from fal_jax.generation._adversaries import Adversaries as Adversaries
from fal_jax.generation._adversaries import GanLosses as GanLosses
from fal_jax.generation._adversaries import GanState as GanState
from fal_jax.generation._adversaries import adversaries as adversaries
from fal_jax.generation._adversaries import discriminator as discriminator
from fal_jax.generation._bagan import Bagan as Bagan
from fal_jax.generation._bagan import fit_bagan as fit_bagan
from fal_jax.generation._bagan import generate as generate
from fal_jax.generation._coding import Coding as Coding
from fal_jax.generation._coding import CodingState as CodingState
from fal_jax.generation._coding import coding as coding
from fal_jax.generation._coding import encode as encode
from fal_jax.generation._gaussians import Gaussians as Gaussians
from fal_jax.generation._gaussians import class_gaussians as class_gaussians
from fal_jax.generation._gaussians import draw_codes as draw_codes
