"""The implementations in PyTorch that take logits or cosines."""

import json
import tempfile
import types

from tests.losses.public import originals
from tests.losses.public.row import SAVED, rows_in

torch = originals.torch_in_float64_on_the_cpu()
cross_entropy = torch.nn.functional.cross_entropy
COUNTS = [500, 120, 40, 9, 3]


def differentiate(function, arrays, floating):
    made = {name: torch.tensor(array) for name, array in arrays.items()}
    for name in floating:
        made[name].requires_grad_()
    value = function(**made)
    if not value.requires_grad:
        return value.numpy(), {}
    gradients = torch.autograd.grad(value.sum(), [made[k] for k in floating], allow_unused=True)
    kept = {k: g.numpy() for k, g in zip(floating, gradients, strict=True) if g is not None}
    return value.detach().numpy(), kept


row = rows_in(differentiate)


def bag_of_tricks(name, class_counts, **settings):
    """A loss of BagofTricks-LT with its settings, ready to call."""
    losses = originals.package("BagofTricks-LT/lib/loss")
    two_stage = types.SimpleNamespace(DRW=False, START_EPOCH=1)
    cfg = types.SimpleNamespace(
        LOSS=types.SimpleNamespace(**{name: types.SimpleNamespace(**settings)}),
        TRAIN=types.SimpleNamespace(TWO_STAGE=two_stage),
    )
    about = {"num_classes": len(class_counts), "num_class_list": class_counts}
    loss = getattr(losses, name)(about | {"device": "cpu", "cfg": cfg})
    loss.update(1)
    return loss


@row("torchvision", gamma=2.0, alpha=0.25)
def torchvision_sigmoid_focal(logits, targets, gamma, alpha):
    from torchvision.ops import sigmoid_focal_loss

    return sigmoid_focal_loss(logits, targets.double(), alpha=alpha, gamma=gamma)


@row("kornia", gamma=2.0)
def kornia_softmax_focal(logits, labels, gamma):
    from kornia.losses import focal_loss

    return focal_loss(logits, labels, alpha=None, gamma=gamma, reduction="none").sum(-1)


@row("LDAM-DRW/losses.py", gamma=1.5)
def ldam_drw_focal(logits, labels, gamma):
    return originals.module("LDAM-DRW/losses.py").FocalLoss(gamma=gamma)(logits, labels)


@row("LDAM-DRW/losses.py", gamma=1.5, weights=[0.2, 0.4, 0.8, 1.6, 2.0])
def ldam_drw_weighted_focal(logits, labels, gamma, weights):
    loss = originals.module("LDAM-DRW/losses.py").FocalLoss(torch.tensor(weights), gamma)
    return loss(logits, labels)


@row("LDAM-DRW/losses.py", gamma=0.5)
def ldam_drw_focal_saturated(saturated, saturated_labels, gamma):
    loss = originals.module("LDAM-DRW/losses.py").FocalLoss(gamma=gamma)
    return loss(saturated, saturated_labels)


@row("LDAM-DRW/losses.py", class_counts=COUNTS, max_margin=0.5, scale=30.0)
def ldam_drw_ldam(cosines, labels, class_counts, max_margin, scale):
    ldam = originals.module("LDAM-DRW/losses.py").LDAMLoss
    return ldam(class_counts, max_m=max_margin, s=scale)(cosines, labels)


@row("torch", weights=[0.2, 0.4, 0.8, 1.6, 2.0])
def torch_weighted_cross_entropy(logits, labels, weights):
    return cross_entropy(logits, labels, weight=torch.tensor(weights))


@row("IB-Loss/losses.py", gamma=1.5)
def ib_loss_focal(logits, labels, gamma):
    return ib_losses().FocalLoss(gamma=gamma)(logits, labels)


@row("IB-Loss/losses.py", scale=1000.0)
def ib_loss(logits, labels, features, scale):
    sizes = features.abs().sum(-1)  # as its networks hand them on
    return ib_losses().IBLoss(alpha=scale)(logits, labels, sizes)


def ib_losses():
    parser = types.SimpleNamespace(parse_args=lambda: types.SimpleNamespace(dataset="cifar10"))
    loaded = originals.module("IB-Loss/losses.py", opts=types.SimpleNamespace(parser=parser))
    loaded.num_classes = len(COUNTS)
    return loaded


@row("GCLLoss/losses.py", gamma=1.5)
def gcl_repository_focal(logits, labels, gamma):
    return originals.module("GCLLoss/losses.py").FocalLoss(gamma=gamma)(logits, labels)


@row("GCLLoss/losses.py", class_counts=COUNTS, margin=0.1, noise_scale=0.5, scale=30.0)
def gcl(cosines, labels, class_counts, margin, noise_scale, scale):
    loss = originals.module("GCLLoss/losses.py").GCLLoss(
        class_counts, m=margin, s=scale, noise_mul=noise_scale
    )
    torch.manual_seed(0)
    SAVED["gcl_noise"] = loss.simpler.sample(cosines.shape).numpy().round(9)
    torch.manual_seed(0)
    return loss(cosines, labels)


@row(
    "Class-balanced-loss-pytorch/class_balanced_loss.py", class_counts=COUNTS, beta=0.999, gamma=2.0
)
def class_balanced_focal(logits, labels, class_counts, beta, gamma):
    module = originals.module("Class-balanced-loss-pytorch/class_balanced_loss.py")
    return module.CB_loss(labels, logits, class_counts, len(class_counts), "focal", beta, gamma)


@row("VS-Loss/class_imbalance/losses.py", class_counts=COUNTS, tau=1.2, gamma=0.2)
def vs_loss(logits, labels, class_counts, tau, gamma):
    module = originals.module("VS-Loss/class_imbalance/losses.py")
    return module.VSLoss(class_counts, gamma=gamma, tau=tau)(logits, labels)


@row("VS-Loss/class_imbalance/losses.py", class_counts=COUNTS, tau=1.2)
def vs_loss_as_logit_adjustment(logits, labels, class_counts, tau):
    module = originals.module("VS-Loss/class_imbalance/losses.py")
    return module.VSLoss(class_counts, gamma=0.0, tau=tau)(logits, labels)


@row("BalancedMetaSoftmax-Classification/loss/BalancedSoftmaxLoss.py", class_counts=COUNTS)
def balanced_softmax(logits, labels, class_counts):
    source = "BalancedMetaSoftmax-Classification/loss/BalancedSoftmaxLoss.py"
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(class_counts, file)
        file.flush()
        return originals.module(source).BalancedSoftmax(file.name)(logits, labels)


@row(
    "BagofTricks-LT/lib/loss/loss_impl/balanced_softmax_cross_entropy_loss.py", class_counts=COUNTS
)
def bag_of_tricks_balanced_softmax(logits, labels, class_counts):
    return bag_of_tricks("BalancedSoftmaxCE", class_counts)(logits, labels)


@row(
    "BagofTricks-LT/lib/loss/loss_impl/class_dependent_temperatures_loss.py",
    class_counts=COUNTS,
    gamma=0.3,
)
def bag_of_tricks_cdt(logits, labels, class_counts, gamma):
    return bag_of_tricks("CDT", class_counts, GAMMA=gamma)(logits, labels)


@row(
    "BagofTricks-LT/lib/loss/loss_impl/equalization_loss.py",
    class_counts=COUNTS,
    threshold=0.1,
    probability=0.7,
)
def bag_of_tricks_equalization(logits, labels, class_counts, threshold, probability):
    loss = bag_of_tricks("SEQL", class_counts, LAMBDA=threshold, GAMMA=probability)
    torch.manual_seed(0)
    SAVED["equalization_drawn"] = torch.rand(logits.shape).numpy().round(9)
    torch.manual_seed(0)
    return loss(logits, labels)


@row(
    "BagofTricks-LT/lib/loss/loss_impl/influence_balanced_loss.py",
    class_counts=COUNTS,
    scale=1000.0,
)
def bag_of_tricks_influence_balanced(logits, labels, features, class_counts, scale):
    loss = bag_of_tricks("InfluenceBalancedLoss", class_counts, ALPHA=scale)
    return loss(logits, labels, feature=features)


@row("mmdet", p=0.8, q=2.0, eps=0.01, counts=[60.0, 25.0, 9.0, 4.0, 1.0])
def mmdet_seesaw(logits, labels, p, q, eps, counts):
    registry = types.ModuleType("mmdet.registry")
    registry.MODELS = types.SimpleNamespace(register_module=lambda: lambda made: made)
    seesaw = originals.installed_file(
        "mmdet", "seesaw_loss", "mmdet.models.losses", registry=registry
    ).seesaw_ce_loss
    return seesaw(logits, labels, None, torch.tensor(counts), len(counts), p, q, eps)


@row("ASL/src/loss_functions/losses.py", gamma_negative=4.0, gamma_positive=1.0, clip=0.05)
def asl(logits, targets, gamma_negative, gamma_positive, clip):
    loss = originals.module("ASL/src/loss_functions/losses.py").AsymmetricLoss
    settings = {"disable_torch_grad_focal_loss": False}
    return loss(gamma_negative, gamma_positive, clip, **settings)(logits, targets)


@row("ASL/src/loss_functions/losses.py", gamma_negative=4.0, gamma_positive=1.0, clip=0.05)
def asl_with_focus_detached(logits, targets, gamma_negative, gamma_positive, clip):
    loss = originals.module("ASL/src/loss_functions/losses.py").AsymmetricLoss
    return loss(gamma_negative, gamma_positive, clip)(logits, targets)


@row(
    "ASL/src/loss_functions/losses.py", gamma_negative=4.0, gamma_positive=1.0, label_smoothing=0.1
)
def asl_single_label(logits, labels, gamma_negative, gamma_positive, label_smoothing):
    loss = originals.module("ASL/src/loss_functions/losses.py").ASLSingleLabel
    return loss(gamma_positive, gamma_negative, label_smoothing)(logits, labels)


@row("polyloss-pytorch/polyloss.py", epsilon=2.0)
def poly1(logits, labels, epsilon):
    loss = originals.module("polyloss-pytorch/polyloss.py").Poly1CrossEntropyLoss
    return loss(logits.shape[-1], epsilon)(logits, labels)


@row("MiSLAS/methods.py", class_counts=COUNTS, head=0.3, tail=0.05)
def label_aware_smoothing(logits, labels, class_counts, head, tail):
    loss = originals.module("MiSLAS/methods.py").LabelAwareSmoothing
    return loss(class_counts, smooth_head=head, smooth_tail=tail)(logits, labels)
