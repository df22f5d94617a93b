"""The one table of named methods: head, loss, anchor rule, re-sampling and what is tuned.

A new method is one row of `METHODS`. Hyper-parameters are drawn from the ranges of a row, so every
method can be given the same number of trials.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Literal

import jax
import jax.numpy as jnp
import optax

from fal_jax import anchors, losses, models, training
from fal_jax.estimators._averages import mean, weighted_by_row
from fal_jax.estimators.search import Range
from fal_jax.models import Model, Outputs, Params
from fal_jax.training import Batch, Settings, Trainer

Resampling = Literal["smote", "nearmiss-1", "nearmiss-2", "nearmiss-3"]
Loss = Callable[[Outputs, Params, Batch, Settings], jax.Array]
MakeHead = Callable[[int, int, Settings], models.Head]
MakeRule = Callable[[int, int, Settings], anchors.AnchorRule]


def _adagrad(settings: Settings) -> optax.GradientTransformation:
    adagrad = optax.adagrad(settings["learning_rate"])
    if "weight_decay" not in settings:
        return adagrad
    decay = optax.add_decayed_weights(settings["weight_decay"], mask=_kernels)
    return optax.chain(decay, adagrad)


def _kernels(params: Params) -> Params:
    """Which parameters decay: kernels alone."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)


@dataclasses.dataclass(frozen=True, eq=False)
class Method:
    """One way to train a classifier.

    Attributes:
      loss: `loss(outputs, head, batch, settings) -> scalar`.
      head: makes the head from `(num_classes, dim, settings)`.
      search: ranges of the hyper-parameters that are tuned.
      fixed: hyper-parameters that are not.
      rule: makes the anchor rule from `(num_classes, dim, settings)`; None where the anchors
          are parameters or absent.
      resample: how the training rows are re-sampled, or None.
      embedding_activation: of the network's last hidden layer; None leaves it linear.
      optimizer: makes the optimiser from the settings.
      ranks: whether the loss compares the rows of a batch, and so takes no weights of rows.
    """

    loss: Loss
    head: MakeHead
    search: Mapping[str, Range]
    fixed: Mapping[str, float] = dataclasses.field(default_factory=dict)
    rule: MakeRule | None = None
    resample: Resampling | None = None
    embedding_activation: Callable[[jax.Array], jax.Array] | None = jax.nn.relu
    optimizer: Callable[[Settings], optax.GradientTransformation] = _adagrad
    ranks: bool = False

    def build(
        self,
        settings: Settings,
        *,
        num_inputs: int,
        num_classes: int,
        hidden: tuple[int, ...],
        weighted: bool = False,
    ) -> tuple[Model, Trainer]:
        """Makes a multi-layer perceptron and its trainer; see `join`.

        With `weighted` the inputs have one column more, the weight of each row in the loss.
        """
        network = functools.partial(
            models.mlp,
            num_inputs,
            num_classes,
            hidden=hidden,
            embedding_activation=self.embedding_activation,
        )
        return self.join(lambda head: network(head=head), settings, weighted=weighted)

    def join(
        self,
        network: Callable[[Callable[[int, int], models.Head]], Model],
        settings: Settings,
        *,
        weighted: bool = False,
    ) -> tuple[Model, Trainer]:
        """Makes a model and its trainer of any network.

        `network(head) -> Model` takes what makes the head, `(num_classes, dim) -> Head`. Settings
        may be traced. They hold what is searched, what replaces a fixed one, and what `training`
        adds to them: "num_steps", the run's length, and "class_counts" of the training rows. With
        Adagrad they may hold "weight_decay": so many times the kernels are added to the gradient.
        Alpha is given by its odds, "alpha_odds", the beta of effective numbers by "one_minus_beta".
        """
        settings = {**{n: jnp.float32(v) for n, v in self.fixed.items()}, **settings}
        model = network(lambda num_classes, dim: self.head(num_classes, dim, settings))

        def loss(outputs: Outputs, head: Params, batch: Batch) -> jax.Array:
            return self.loss(outputs, head, batch, settings)

        rule = None
        if self.rule is not None:
            params, _ = jax.eval_shape(model.init, jax.random.key(0))
            num_classes, dim = params["head"]["anchors"].shape
            rule = self.rule(num_classes, dim, settings)
        if weighted:
            if self.ranks:
                raise ValueError("the loss ranks the rows of a batch: it takes no row weights.")
            model, loss = weighted_by_row(model, loss)
        return model, training.trainer(model, loss, self.optimizer(settings), rule)


def _cross_entropy(outputs: Outputs, _, batch: Batch, __) -> jax.Array:
    return mean(losses.softmax_cross_entropy(outputs.logits, batch.labels), batch)


def _focal(outputs: Outputs, _, batch: Batch, settings: Settings) -> jax.Array:
    gamma, alpha = settings["gamma"], _class_weights(settings)
    focal = losses.softmax_focal_loss(outputs.logits, batch.labels, gamma=gamma, alpha=alpha)
    return mean(focal, batch)


def _class_weights(settings: Settings) -> jax.Array | None:
    """Weights by effective numbers where a method sets 1 - beta of these, alpha by its odds.

    Alpha tells two classes apart; of more, all weigh one half.
    """
    if "one_minus_beta" in settings:
        return losses.effective_number_weights(
            settings["class_counts"], one_minus_beta=settings["one_minus_beta"]
        )
    if "alpha_odds" not in settings:
        return None
    if len(settings["class_counts"]) > 2:
        return jnp.full_like(settings["class_counts"], 0.5)
    return settings["alpha_odds"] / (1 + settings["alpha_odds"])


def _fal(outputs: Outputs, head, batch: Batch, settings: Settings) -> jax.Array:
    return losses.fal_loss_from_features(
        outputs.features,
        batch.labels,
        head["anchors"],
        margin=settings["margin"],
        gamma=settings["gamma"],
        alpha=_class_weights(settings),
        beta=settings["beta"],
        weights=batch.weights,
        where=batch.where,
    )


def _lgm(outputs: Outputs, head, batch: Batch, settings: Settings) -> jax.Array:
    return losses.lgm_loss(
        losses.half_mahalanobis(outputs.features, head["anchors"]),
        batch.labels,
        margin=settings["relative_margin"],
        likelihood_weight=settings["likelihood_weight"],
        gamma=settings["gamma"],
        alpha=_class_weights(settings),
        weights=batch.weights,
        where=batch.where,
    )


def linear(num_classes: int, dim: int, _: Settings) -> models.Head:
    """A linear head."""
    return models.linear_head(num_classes, dim)


def anchored(num_classes: int, dim: int, settings: Settings) -> models.Head:
    """Anchors that start as far apart as the settings say."""
    return models.anchored_head(num_classes, dim, spread=settings["anchor_spread"])


def _faml_constant(num_classes: int, dim: int, settings: Settings) -> anchors.AnchorRule:
    ratio, every, rate = settings["ratio"], settings["every"], settings["rate"]
    return anchors.faml(num_classes, dim, ratio=ratio, every=every, rate=rate)


def _faml_decay(num_classes: int, dim: int, settings: Settings) -> anchors.AnchorRule:
    num_updates = jnp.maximum(settings["num_steps"] // settings["every"], 1)
    rate = anchors.paper_decay(num_updates)
    return anchors.faml(
        num_classes, dim, ratio=settings["ratio"], every=settings["every"], rate=rate
    )


_LEARNING_RATE = {"learning_rate": Range(0.03, 3.0, log=True)}
_GAMMA = {"gamma": Range(0.0, 2.0)}
_FOCAL = _GAMMA | {"alpha_odds": Range(1 / 3, 10.0, log=True)}  # alpha / (1 - alpha)
_CLASS_BALANCED = {"one_minus_beta": Range(1e-6, 1e-2, log=True)}
_SPREAD = {"anchor_spread": Range(2.0, 20.0, log=True)}
_MARGIN = {"margin": Range(0.1, 3.0, log=True)}
_FAL_SEARCH = _LEARNING_RATE | _FOCAL | _SPREAD | _MARGIN
_LGM_SEARCH = (
    _LEARNING_RATE
    | _FOCAL
    | _SPREAD
    | {"relative_margin": Range(0.001, 1.0, log=True)}
    | {"likelihood_weight": Range(0.0003, 0.1, log=True)}
)
_FAML_FIXED = {"beta": 0.1, "ratio": 1.3, "every": 200}

METHODS: Mapping[str, Method] = {
    "CE": Method(_cross_entropy, linear, _LEARNING_RATE),
    "CE+SMOTE": Method(_cross_entropy, linear, _LEARNING_RATE, resample="smote"),
    "CE+NearMiss": Method(_cross_entropy, linear, _LEARNING_RATE, resample="nearmiss-3"),
    "FL": Method(_focal, linear, _LEARNING_RATE | _FOCAL),
    "FAL": Method(_fal, anchored, _FAL_SEARCH, {"beta": 0.1}),
    "FAML": Method(_fal, anchored, _FAL_SEARCH, _FAML_FIXED, rule=_faml_decay),
    "FAML-0.999": Method(
        _fal,
        anchored,
        _FAL_SEARCH,
        _FAML_FIXED | {"rate": anchors.paper_constant},
        rule=_faml_constant,
    ),
    "FL+LGM": Method(_lgm, anchored, _LGM_SEARCH),
    "CB-CE": Method(_focal, linear, _LEARNING_RATE | _CLASS_BALANCED, {"gamma": 0.0}),
    "CB-FAL": Method(
        _fal,
        anchored,
        _LEARNING_RATE | _GAMMA | _CLASS_BALANCED | _SPREAD | _MARGIN,
        {"beta": 0.1},
    ),
    "FAL-light": Method(
        _fal,
        anchored,
        _LEARNING_RATE | _SPREAD | _MARGIN | {"beta": Range(1e-4, 0.1, log=True)},
        {"gamma": 0.0, "alpha_odds": 1.0},
    ),
}
"""The methods of the paper's Table 2, by its names; what it fixes is fixed, the rest is tuned.

FAML stands twice, since the paper gives its rate twice: decaying from 0.9 (Sec. 3.4), and 0.999
(Sec. 4.1.1). CB-CE and CB-FAL weigh the classes by effective numbers (Cui et al., CVPR 2019), FAL
so being what the paper names as future work. FAL-light is FAL without its focal term and class
weights, and with the pull tuned.
"""
