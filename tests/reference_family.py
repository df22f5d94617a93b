"""The losses beside the paper's in plain float64 NumPy, each written from its own source.

As `tests.reference`: nothing is shared with the library, nothing is fast. A loss of one example is
spelled out for that example; `where` sets the losses of rows that do not count to 0.
"""

import functools
import inspect

import numpy as np

from tests.reference import _EXTENDED, _class_weights, _extended, _wrong_and_surprise


def per_example(one):
    """Applies a loss of one example, `one(row, label, ...)`, to batches of any rank.

    The second argument is the labels; further positional ones may be one an example too, named in
    the function's `batched`. Soft labels give the mean of the losses of all classes.
    """
    rows_of = getattr(one, "batched", ())
    names = list(inspect.signature(one).parameters)

    @functools.wraps(one)
    def loss(*args, where=None, **options):
        options |= dict(zip(names, args, strict=False))
        first, labels = _extended(options.pop(names[0])), np.asarray(options.pop("labels"))
        width = first.shape[-1]
        soft = labels.dtype.kind == "f" or labels.dtype.name == "bfloat16"
        shape = labels.shape[:-1] if soft else labels.shape
        size = int(np.prod(shape))
        extra = {n: np.reshape(np.asarray(options.pop(n)), (size, -1)) for n in rows_of}
        keep = np.ones(size, bool) if where is None else np.ravel(where)
        values = []
        for i, row in enumerate(first.reshape(size, width)):
            if not keep[i]:
                values.append(0.0)
                continue
            own = {n: (e[i] if e.shape[1] > 1 else e[i][0]) for n, e in extra.items()}
            if soft:
                shares = _extended(labels.reshape(size, -1)[i])
                each = [one(row, k, **own, **options) for k in range(len(shares))]
                values.append(sum(q * e for q, e in zip(shares, each, strict=True)))
            else:
                values.append(one(row, int(np.ravel(labels)[i]), **own, **options))
        return np.asarray(np.reshape(np.asarray(values, _EXTENDED), shape), np.float64)

    return loss


def _with(*names):
    """Names the arguments of a loss of one example that are one an example."""

    def mark(one):
        one.batched = names
        return one

    return mark


def _cross_entropy(row, y):
    return _wrong_and_surprise(row[y], np.delete(row, y))[1]


@per_example
def softmax_loss(logits, labels, margin=0.0, gamma=0.0, epsilon=0.0, alpha=None):
    """-log p_y modulated as focal loss and Poly-1, p_y after the margin is off its logit."""
    row = logits.copy()
    row[labels] -= np.broadcast_to(margin, row.shape)[labels]
    wrong, surprise = _wrong_and_surprise(row[labels], np.delete(row, labels))
    weight = _class_weights(alpha, len(row))[labels]
    return weight * (wrong**gamma * surprise + epsilon * wrong ** (gamma + 1))


def poly_loss(logits, labels, *, epsilon=1.0, gamma=0.0, alpha=None, where=None):
    """Leng et al. (2022), Poly-1: L_FL + eps_1 (1 - P_t)^(gamma + 1)."""
    return softmax_loss(logits, labels, epsilon=epsilon, gamma=gamma, alpha=alpha, where=where)


def adjust(logits, *, scale=1.0, shift=0.0):
    """Kini et al. (2021), the argument of the VS loss' exponentials: Delta_k z_k + iota_k."""
    return np.asarray(_extended(logits) * np.asarray(scale) + np.asarray(shift), np.float64)


def class_log_odds(logits):
    """Log of p_k / (1 - p_k), p the softmax."""
    logits = _extended(logits)
    rows = []
    for row in logits.reshape(-1, logits.shape[-1]):
        for k in range(len(row)):
            others = np.delete(row, k)
            top = others.max()
            rows.append(row[k] - top - np.log(np.exp(others - top).sum()))
    return np.asarray(np.reshape(np.asarray(rows), logits.shape), np.float64)


def with_margin(log_odds, *, margin):
    """What Eq. 7's margin does to the log-odds: m less."""
    return np.asarray(log_odds, np.float64) - np.asarray(margin, np.float64)


def modulate(log_odds, *, gamma=0.0, epsilon=0.0):
    """Focal loss and Poly-1 of p = sigmoid(u), for every entry."""
    values = []
    for u in np.ravel(_extended(log_odds)):
        wrong, surprise = _wrong_and_surprise(u, np.zeros(1, _EXTENDED))
        values.append(wrong**gamma * surprise + epsilon * wrong ** (gamma + 1))
    return np.asarray(np.reshape(np.asarray(values), np.shape(log_odds)), np.float64)


def weigh(losses, *, alpha):
    """alpha_k l_k."""
    return np.asarray(losses, np.float64) * _class_weights(alpha, np.shape(losses)[-1])


@per_example
def of_labels(losses, labels):
    """l_y."""
    return losses[labels]


def asymmetric_loss(
    logits, labels, *, gamma_positive=1.0, gamma_negative=4.0, clip=0.05, where=None
):
    """Ridnik et al. (2021), Eq. 6: L+ = (1-p)^g+ log p, L- = p_m^g- log(1 - p_m).

    A soft label costs its share of the loss of a 1, and the rest of that of a 0.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind == "f":
        settings = {"gamma_positive": gamma_positive, "gamma_negative": gamma_negative}
        settings |= {"clip": clip, "where": where}
        one, zero = (asymmetric_loss(logits, np.full(labels.shape, y), **settings) for y in (1, 0))
        return np.where(True if where is None else where, labels * one + (1 - labels) * zero, 0)
    logits, labels = np.broadcast_arrays(_extended(logits), labels)
    keep = np.broadcast_to(True if where is None else where, logits.shape)
    values = []
    for x, y, valid in zip(logits.ravel(), labels.ravel(), keep.ravel(), strict=True):
        wrong, surprise = _wrong_and_surprise(x, np.zeros(1, _EXTENDED))
        p, log_wrong = _wrong_and_surprise(-x, np.zeros(1, _EXTENDED))
        if not valid:
            values.append(0.0)
        elif y:
            values.append(wrong**gamma_positive * surprise)
        elif p <= clip:
            values.append(0.0)
        elif clip == 0:
            values.append(p**gamma_negative * log_wrong)
        else:
            values.append(-((p - clip) ** gamma_negative) * np.log(wrong + _EXTENDED(clip)))
    return np.asarray(np.reshape(np.asarray(values), logits.shape), np.float64)


@per_example
def single_label_asymmetric_loss(
    logits, labels, gamma_positive=0.0, gamma_negative=4.0, smoothing=0.1
):
    """Ridnik et al. (2021), its implementation for one label: smoothed, focused both ways."""
    total = _EXTENDED(0)
    for k in range(len(logits)):
        wrong, surprise = _wrong_and_surprise(logits[k], np.delete(logits, k))
        focus = wrong**gamma_positive if k == labels else np.exp(-gamma_negative * surprise)
        share = smoothing / len(logits) + (1 - smoothing if k == labels else 0)
        total += share * focus * surprise
    return total


def class_log_prior(class_counts):
    """log pi_k, pi_k = n_k / N."""
    counts = np.asarray(class_counts, np.float64)
    return np.log(counts / counts.sum())


@per_example
def logit_adjusted_loss(logits, labels, log_prior, tau=1.0):
    """Menon et al. (2021), Eq. 10: -log of exp(f_y + tau log pi_y) over the sum of the same."""
    return _cross_entropy(logits + tau * _extended(log_prior), labels)


@per_example
def balanced_softmax_loss(logits, labels, class_counts):
    """Ren et al. (2020): the softmax of n_k e^z_k = e^(z_k + log n_k)."""
    return _cross_entropy(logits + np.log(_extended(class_counts)), labels)


@per_example
def vs_loss(logits, labels, class_counts, tau=1.0, exponent=0.3, alpha=None):
    """Kini et al. (2021): Delta_k = (n_k / n_max)^gamma, iota_k = tau log pi_k."""
    counts = _extended(class_counts)
    scale, prior = (counts / counts.max()) ** exponent, np.log(counts / counts.sum())
    weight = _class_weights(alpha, len(logits))[labels]
    return weight * _cross_entropy(scale * logits + tau * prior, labels)


@per_example
def cdt_loss(logits, labels, class_counts, exponent=0.3):
    """Ye et al. (2020): logits over a_c = (n_max / n_c)^gamma."""
    counts = _extended(class_counts)
    return _cross_entropy(logits / (counts.max() / counts) ** exponent, labels)


def shift_prior(logits, *, trained_log_prior, log_prior):
    """Saerens et al. (2002), Eq. 2.4 in logs, unnormalised."""
    ratio = np.exp(_extended(log_prior)) / np.exp(_extended(trained_log_prior))
    return np.asarray(_extended(logits) + np.log(ratio), np.float64)


def cosines(features, anchors):
    """f . w / (|f| |w|)."""
    f, w = _extended(features), _extended(anchors)
    rows = []
    for row in f.reshape(-1, f.shape[-1]):
        for weight in w:
            lengths = np.sqrt((row**2).sum()) * np.sqrt((weight**2).sum())
            rows.append((row * weight).sum() / lengths if lengths > 0 else _EXTENDED(0))
    return np.asarray(np.reshape(np.asarray(rows), (*f.shape[:-1], len(w))), np.float64)


def ldam_margins(class_counts, *, max_margin=0.5):
    """Cao et al. (2019), Eq. 13: C / n_k^(1/4), C for the largest to be as given."""
    margins = 1 / np.sqrt(np.sqrt(np.asarray(class_counts, np.float64)))
    return margins * (max_margin / margins.max())


@per_example
def ldam_loss(cosines, labels, margins, scale=30.0, alpha=None):
    """Cao et al. (2019), Eq. 12: the margin of the true class off its logit, then scaled."""
    row = cosines.copy()
    row[labels] -= np.asarray(margins)[labels]
    return _class_weights(alpha, len(row))[labels] * _cross_entropy(scale * row, labels)


@per_example
def cosface_loss(cosines, labels, margin=0.35, scale=64.0, alpha=None):
    """Wang et al. (2018), Eq. 4."""
    row = cosines.copy()
    row[labels] -= margin
    return _class_weights(alpha, len(row))[labels] * _cross_entropy(scale * row, labels)


@per_example
def arcface_loss(cosines, labels, margin=0.5, scale=64.0, alpha=None):
    """Deng et al. (2019), Eq. 3: s cos(theta_y + m); past pi, cos theta - m sin m."""
    row = cosines.copy()
    theta = np.arccos(np.clip(row[labels], -1, 1))
    past = theta + margin >= np.pi
    row[labels] = row[labels] - margin * np.sin(margin) if past else np.cos(theta + margin)
    return _class_weights(alpha, len(row))[labels] * _cross_entropy(scale * row, labels)


@per_example
@_with("noise")
def gcl_loss(
    cosines, labels, noise, class_counts, strength=0.5, margin=0.0, scale=30.0, alpha=None
):
    """Li et al. (2022): cosines less |eps| (log n_max - log n_k), scaled to 1, times a strength."""
    log_counts = np.log(_extended(class_counts))
    rarity = log_counts.max() - log_counts
    rarity = rarity / rarity.max() if rarity.max() > 0 else rarity
    row = cosines - strength * np.abs(noise) * rarity
    row[labels] -= margin
    return _class_weights(alpha, len(row))[labels] * _cross_entropy(scale * row, labels)


@per_example
@_with("ignored")
def equalization_loss(logits, labels, ignored):
    """Tan et al. (2020), Eq. 7: the sum runs over what is not ignored, and over the true class."""
    keep = ~ignored.astype(bool)
    keep[labels] = False
    others = logits[keep]
    return _wrong_and_surprise(logits[labels], others)[1] if others.size else _EXTENDED(0)


@per_example
def seesaw_loss(logits, labels, counts, mitigation=0.8, compensation=2.0, floor=0.01):
    """Wang et al. (2021): e^z_y over e^z_y + sum of M C e^z_k."""
    counts = np.maximum(_extended(counts), 1)
    p = np.exp(logits - logits.max())
    p /= p.sum()
    row = logits.copy()
    for k in range(len(row)):
        if k != labels:
            row[k] += mitigation * np.log(min(1, counts[k] / counts[labels]))
            log_ratio = np.log(p[k]) - np.log(max(p[labels], floor)) if p[k] > 0 else -np.inf
            row[k] += compensation * max(0, log_ratio)
    return _cross_entropy(row, labels)


def influence_balanced_weights(
    logits, labels, feature_norms, *, strength=1000.0, epsilon=1e-3, where=None
):
    """Park et al. (2021): alpha over |p - y|_1 |h|_1, with the code's epsilon; y may be soft."""
    logits, labels = _extended(logits), np.asarray(labels)
    if labels.ndim < logits.ndim:
        labels = np.arange(logits.shape[-1]) == labels[..., None]
    values, flat = [], (array.reshape(-1, logits.shape[-1]) for array in (logits, labels))
    for row, y in zip(*flat, strict=True):
        far = _EXTENDED(0)
        for k in range(len(row)):
            wrong, surprise = _wrong_and_surprise(row[k], np.delete(row, k))
            far += wrong if y[k] == 1 else abs(np.exp(-surprise) - y[k])
        values.append(far)
    far = np.reshape(np.asarray(values), logits.shape[:-1])
    weights = strength / (far * np.asarray(feature_norms) + epsilon)
    return np.asarray(np.where(True if where is None else where, weights, 0), np.float64)


def center_loss(features, labels, anchors, *, where=None):
    """Wen et al. (2016), Eq. 2, one term: |x_i - c_yi|^2 / 2."""
    anchors = _extended(anchors)
    return per_example(lambda features, labels: ((features - anchors[labels]) ** 2).sum() / 2)(
        features, labels, where=where
    )


@per_example
def cac_loss(distances, labels, weight=0.1):
    """Miller et al. (2021), Eq. 4 and 5: log(1 + sum exp(d_y - d_j)) + lambda d_y."""
    own = distances[labels]
    return _wrong_and_surprise(-own, -np.delete(distances, labels))[1] + weight * own


def gaussian_affinities(features, prototypes, *, sigma=10.0):
    """Hayat et al. (2019), Eq. 2 and 7: the largest exp(-|f - w_kt|^2 / sigma) of a class."""
    f, w = _extended(features), _extended(prototypes)
    rows = [
        [max(np.exp(-((row - p) ** 2).sum() / sigma) for p in own) for own in w]
        for row in f.reshape(-1, f.shape[-1])
    ]
    return np.asarray(np.reshape(np.asarray(rows), (*f.shape[:-1], len(w))), np.float64)


@per_example
def affinity_loss(affinities, labels, margin=0.75):
    """Hayat et al. (2019), Eq. 3: sum over j != y of max(0, lambda + d(f, w_j) - d(f, w_y))."""
    others = np.delete(affinities, labels)
    return np.maximum(0, margin + others - affinities[labels]).sum()


def prototype_diversity(prototypes):
    """Hayat et al. (2019), Eq. 5 and 6: mean of (|w_j - w_k|^2 - mu)^2 over pairs j < k."""
    points = _extended(prototypes).reshape(-1, np.shape(prototypes)[-1])
    pairs = [((a - b) ** 2).sum() for i, a in enumerate(points) for b in points[i + 1 :]]
    mu = sum(pairs) / len(pairs)
    return float(sum((d - mu) ** 2 for d in pairs) / len(pairs))


def smooth_labels(labels, *, num_classes, smoothing=0.1):
    """Szegedy et al. (2016): q(k) = (1 - eps) delta_ky + eps / K."""
    rows = []
    for y in np.ravel(labels):
        own = np.broadcast_to(smoothing, num_classes)[y]
        rows.append([(1 - own) * (k == y) + own / num_classes for k in range(num_classes)])
    return np.reshape(np.asarray(rows, np.float64), (*np.shape(labels), num_classes))


def label_aware_smoothing(class_counts, *, most, least, shape="concave"):
    """Zhong et al. (2021): from eps_K at the rarest class to eps_1 at the most frequent."""
    counts = np.asarray(class_counts, np.float64)
    spread = counts.max() - counts.min()
    t = (counts - counts.min()) / spread if spread else np.zeros_like(counts)
    if shape == "convex":
        return most + (most - least) * np.sin(3 * np.pi / 2 + t * np.pi / 2)
    rise = {"concave": np.sin(t * np.pi / 2), "linear": t}[shape]
    return least + (most - least) * rise
