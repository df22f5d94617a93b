"""The implementations in PyTorch that take features or distances."""

import types

import numpy as np

from tests.losses.public import originals
from tests.losses.public.torch_rows import cross_entropy, row, torch


@row("pytorch-center-loss/center_loss.py")
def center_loss(features, labels, anchors):
    loss = originals.module("pytorch-center-loss/center_loss.py").CenterLoss(5, 3, use_gpu=False)
    del loss.centers
    loss.centers = anchors
    return loss(features, labels)


@row("cac-openset/train_cacOpenset.py", weight=0.1)
def cac(distances, labels, weight):
    args = types.SimpleNamespace(lbda=weight)
    names = {"torch": torch, "args": args, "cfg": {"num_known_classes": 5}}
    return originals.function("cac-openset/train_cacOpenset.py", "CACLoss", **names)(
        distances, labels
    )[0]


@row("softmax_variants/model_utils.py", margin=0.4, likelihood_weight=0.2)
def softmax_variants_lgm(features, labels, anchors, margin, likelihood_weight):
    loss = originals.module("softmax_variants/model_utils.py").LGMLoss_v0(5, 3, margin)
    return lgm(loss, features, labels, likelihood_weight, centers=anchors)


@row("softmax_variants/model_utils.py", margin=0.4, likelihood_weight=0.2)
def softmax_variants_lgm_with_variances(
    features, labels, anchors, log_variances, margin, likelihood_weight
):
    loss = originals.module("softmax_variants/model_utils.py").LGMLoss(5, 3, margin)
    return lgm(loss, features, labels, likelihood_weight, centers=anchors, log_covs=log_variances)


def lgm(loss, features, labels, likelihood_weight, **parameters):
    for name, value in parameters.items():
        delattr(loss, name)
        setattr(loss, name, value)
    _, logits, likelihood = loss(features, labels)
    return cross_entropy(logits, labels) + likelihood_weight * likelihood


@row("pytorch-metric-learning", margin=0.5, scale=64.0)
def metric_learning_arcface(features, labels, anchors, margin, scale):
    from pytorch_metric_learning.losses import ArcFaceLoss

    return metric_learning(ArcFaceLoss, np.degrees(margin), scale, features, labels, anchors)


@row("pytorch-metric-learning", margin=0.35, scale=64.0)
def metric_learning_cosface(features, labels, anchors, margin, scale):
    from pytorch_metric_learning.losses import CosFaceLoss

    return metric_learning(CosFaceLoss, margin, scale, features, labels, anchors)


def metric_learning(loss, margin, scale, features, labels, anchors):
    made = loss(5, 3, margin=margin, scale=scale)
    made.cast_types = lambda *_: None  # it would copy the weights into a new leaf
    del made.W
    made.W = anchors.T
    return made(features, labels)
