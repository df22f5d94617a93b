"""Resampling of imbalanced tables: exact, in tiles, with imbalanced-learn's results.

>>> import jax, numpy as np
>>> table, labels = np.arange(8.0)[:, None], np.array([0, 0, 0, 0, 0, 1, 1, 1])
>>> smote(jax.random.key(0), table, labels, num_neighbours=2).features.shape
(10, 1)
>>> table[near_miss(table, labels, version=1)].ravel()
array([4., 3., 2., 5., 6., 7.])
"""

from fal_jax.resampling._drawing import Draws as Draws
from fal_jax.resampling._drawing import Segments as Segments
from fal_jax.resampling._drawing import draw as draw
from fal_jax.resampling._drawing import interpolate as interpolate
from fal_jax.resampling._drawing import smote_sample as smote_sample
from fal_jax.resampling._near_miss import near_miss as near_miss
from fal_jax.resampling._oversampling import Resampled as Resampled
from fal_jax.resampling._oversampling import adasyn as adasyn
from fal_jax.resampling._oversampling import borderline_smote as borderline_smote
from fal_jax.resampling._oversampling import smote as smote
from fal_jax.resampling._samplers import from_imblearn as from_imblearn
from fal_jax.resampling._search import Neighbours as Neighbours
from fal_jax.resampling._search import nearest_neighbours as nearest_neighbours
from fal_jax.resampling._segments import adasyn_segments as adasyn_segments
from fal_jax.resampling._segments import borderline_segments as borderline_segments
from fal_jax.resampling._segments import smote_segments as smote_segments
from fal_jax.resampling._selection import random_oversample as random_oversample
from fal_jax.resampling._selection import random_undersample as random_undersample
