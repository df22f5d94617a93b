"""Networks as pairs of pure functions over plain dicts; the one place that imports flax.

>>> import jax
>>> model = mlp(36, 2, head=anchored_head)
>>> params, stats = model.init(jax.random.key(0))
>>> outputs, stats = model.apply(params, stats, jax.numpy.ones((5, 36)))
"""

from fal_jax.models._autoencoders import Autoencoder as Autoencoder
from fal_jax.models._autoencoders import image_autoencoder as image_autoencoder
from fal_jax.models._autoencoders import table_autoencoder as table_autoencoder
from fal_jax.models._convnets import lenet as lenet
from fal_jax.models._convnets import small_convnet as small_convnet
from fal_jax.models._heads import Head as Head
from fal_jax.models._heads import HeadParams as HeadParams
from fal_jax.models._heads import anchored_head as anchored_head
from fal_jax.models._heads import cosine_head as cosine_head
from fal_jax.models._heads import linear_head as linear_head
from fal_jax.models._mlp import classifier as classifier
from fal_jax.models._mlp import mlp as mlp
from fal_jax.models._model import Model as Model
from fal_jax.models._model import Outputs as Outputs
from fal_jax.models._model import Params as Params
from fal_jax.models._model import Stats as Stats
from fal_jax.models._model import from_nnx as from_nnx
from fal_jax.models._resnet import resnet as resnet
