"""Anchors: where they start, how a rule moves them, how an optimiser tells them apart.

For FAL and LGM the anchors are parameters, learned by gradient. For FAML they are state, an
`AnchorState` that a pair of pure functions, an `AnchorRule`, carries through training:

>>> import jax
>>> rule = faml(num_classes=2, dim=8, rate=paper_decay(10))
>>> state = rule.init(initial_anchors(jax.random.key(0), 2, 8))
>>> features, labels = jax.numpy.ones((4, 8)), jax.numpy.array([0, 1, 0, 1])
>>> state = jax.jit(rule.update)(features, labels, state)
>>> int(state.num_steps), int(state.num_updates)
(1, 0)
"""

from fal_jax.anchors._faml import faml as faml
from fal_jax.anchors._faml import num_anchor_updates as num_anchor_updates
from fal_jax.anchors._faml import paper_constant as paper_constant
from fal_jax.anchors._faml import paper_decay as paper_decay
from fal_jax.anchors._labels import anchor_labels as anchor_labels
from fal_jax.anchors._rule import AnchorRule as AnchorRule
from fal_jax.anchors._rule import AnchorState as AnchorState
from fal_jax.anchors._start import initial_anchors as initial_anchors
