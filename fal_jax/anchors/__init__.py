from fal_jax.anchors._faml import faml as faml
from fal_jax.anchors._faml import paper_constant as paper_constant
from fal_jax.anchors._faml import paper_decay as paper_decay
from fal_jax.anchors._rule import AnchorRule as AnchorRule
from fal_jax.anchors._rule import AnchorState as AnchorState
from fal_jax.anchors._start import initial_anchors as initial_anchors
