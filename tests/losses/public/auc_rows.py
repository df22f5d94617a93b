"""Surrogates of AUC and of average precision, in PyTorch."""

from tests.losses.public import originals
from tests.losses.public.torch_rows import row, torch


def with_state(loss, a, b, alpha):
    """The LibAUC loss with its three variables set."""
    for name, value in {"a": a, "b": b, "alpha": alpha}.items():
        vars(loss).get("_parameters", {}).pop(name, None)
        setattr(loss, name, value)
    return loss


def aucm(version, margin, scores, binary, a, b, alpha):
    from libauc.losses import AUCMLoss

    return with_state(AUCMLoss(margin, version=version), a, b, alpha)(scores, binary)


@row("libauc", margin=0.8)
def libauc_squared_hinge(scores, binary, margin):
    from libauc.losses import PairwiseAUCLoss

    return PairwiseAUCLoss("squared_hinge", margin)(scores, binary)


@row("libauc", scale=1.5)
def libauc_logistic(scores, binary, scale):
    from libauc.losses import PairwiseAUCLoss

    return PairwiseAUCLoss("logistic", scale)(scores, binary)


@row("libauc", margin=0.8)
def libauc_aucm_with_prior(scores, binary, a, b, alpha, margin):
    return aucm("v1", margin, scores, binary, a, b, alpha)


@row("libauc", margin=0.8)
def libauc_aucm_without_prior(scores, binary, a, b, alpha, margin):
    return aucm("v2", margin, scores, binary, a, b, alpha)


@row("libauc", margin=0.8)
def libauc_multi_label_aucm(logits, labels, class_a, class_b, class_alpha, margin):
    from libauc.losses import MultiLabelAUCMLoss

    loss = MultiLabelAUCMLoss(margin, version="v2", num_labels=5)
    one_hot = torch.nn.functional.one_hot(labels, 5)
    return with_state(loss, class_a, class_b, class_alpha)(logits, one_hot)


@row("libauc", margin=0.8, rate=0.1)
def libauc_pesg_step(scores, binary, alpha, margin, rate):
    """a, b and alpha after one step, from a and b that are the means of the classes."""
    from libauc.losses import AUCMLoss
    from libauc.optimizers import PESG

    loss = AUCMLoss(margin, version="v1")
    means = (scores[binary == k].mean(0, keepdim=True) for k in (1, 0))
    for variable, start in zip((loss.a, loss.b, loss.alpha), (*means, alpha), strict=True):
        variable.data = start.detach().clone().reshape(1)
    plain = {"momentum": 0, "epoch_decay": 0, "weight_decay": 0, "clip_value": 1e9}
    optimiser = PESG([scores], loss, lr=rate, verbose=False, **plain)
    loss(scores, binary).backward()
    optimiser.step()
    return torch.cat([loss.a, loss.b, loss.alpha]).detach()


@row("libauc", margin=0.8, budget=0.4)
def libauc_partial_cvar(scores, binary, margin, budget):
    """With each positive's threshold where the budget's share of its negatives lies above."""
    from libauc.losses import pAUC_CVaR_Loss

    loss = pAUC_CVaR_Loss(len(scores), int(binary.sum()), margin=margin, beta=budget)
    pairs = scores[binary == 1][:, None] - scores[binary == 0][None]
    costs = loss.surrogate_loss(margin, pairs.detach()).sort(-1, descending=True).values
    kept = round(budget * costs.shape[-1])
    loss.u_pos[binary == 1] = costs[:, kept - 1 : kept + 1].mean(-1, keepdim=True)
    return loss(scores, binary, torch.arange(len(scores)))


@row("libauc", gamma=2.0, alpha=0.25)
def libauc_focal(scores, binary, gamma, alpha):
    from libauc.losses import FocalLoss

    targets = binary.double()
    return FocalLoss(alpha, gamma)(scores, targets)


@row("Smooth_AP/src/Smooth_AP_loss.py", temperature=0.3)
def smooth_ap(features, temperature):
    """Each example queries the batch by inner products; relevant is its half, itself included."""
    loss = originals.module("Smooth_AP/src/Smooth_AP_loss.py").SmoothAP(temperature, 8, 2, 3)
    return loss(features)
