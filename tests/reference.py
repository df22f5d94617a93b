"""Each equation in plain float64 NumPy, written from the paper: what the tests compare with.

The paper is Baloch et al., "Focused Anchors Loss", ACML 2019; where its print is wrong or open, the
function says which reading it takes. Names and arguments are those of `fal_jax`, so that a test can
call both with the same dictionary. Nothing here is fast and nothing is shared with the library:
loops over examples, plain exponentials shifted by the largest score, and extended precision inside
where the platform has it. Labels must lie in range; `where` drops rows before anything is computed.
"""

import decimal

import numpy as np

_EXTENDED = np.longdouble


def squared_distances(features, anchors):
    """Distance in Eq. 7: d_ik = sum over the width of (f_i - phi_k)^2."""
    return _pairwise(features, anchors, lambda f, phi, _: np.sum((f - phi) ** 2))


def half_mahalanobis(features, means, log_variances=None):
    """Exponent of the Gaussian in Eq. 2, diagonal covariance: 1/2 sum (f - mu)^2 / sigma^2."""
    variances = np.exp(_extended(np.zeros_like(means) if log_variances is None else log_variances))
    return _pairwise(features, means, lambda f, mu, k: np.sum((f - mu) ** 2 / variances[k]) / 2)


def distance_logits(distances, labels=None, *, margin=0.0):
    """Exponent of Eq. 7, numerator and denominator alike: -d_ik - m 1[k = z_i]."""
    distances = np.asarray(distances, np.float64)
    if labels is None:
        return -distances
    classes = distances.shape[-1]
    margins, rows = np.broadcast_to(margin, classes), []
    for d, z in zip(distances.reshape(-1, classes), np.ravel(labels), strict=True):
        rows.append([-d[k] - margins[k] if k == z else -d[k] for k in range(classes)])
    return np.reshape(rows, distances.shape)


def class_log_probabilities(distances):
    """Log of Eq. 7 at inference, where no label is known and so no margin: log softmax(-d)."""
    scores = -_extended(distances)
    top = scores.max(-1, keepdims=True)
    total = np.exp(scores - top).sum(-1, keepdims=True)
    return np.asarray(scores - top - np.log(total), np.float64)


def ranking_score(distances):
    """Log odds of class 1 under Eq. 7 without margin: log(e^-d_1 / e^-d_0) = d_0 - d_1."""
    distances = np.asarray(distances, np.float64)
    assert distances.shape[-1] == 2
    return distances[..., 0] - distances[..., 1]


def softmax_cross_entropy(logits, labels, *, where=True):
    """Eq. 4 for one example: -log p(z_i | x_i)."""
    return softmax_focal_loss(logits, labels, gamma=0.0, where=where)


def softmax_focal_loss(logits, labels, *, gamma=2.0, alpha=None, where=True):
    """Eq. 1 on the softmax: -alpha_z (1 - p_z)^gamma log p_z, p_z the true class' probability."""
    logits, labels = _extended(logits), np.asarray(labels)
    if labels.ndim == logits.ndim:  # soft: the mean over the classes
        options = {"gamma": gamma, "alpha": alpha, "where": where}
        each = [
            softmax_focal_loss(logits, np.full(labels.shape[:-1], k), **options)
            for k in range(logits.shape[-1])
        ]
        return np.sum(labels * np.stack(each, axis=-1), axis=-1)
    weights, rows = _class_weights(alpha, logits.shape[-1]), []
    for row, z in zip(logits.reshape(-1, len(weights)), np.ravel(labels), strict=True):
        wrong, surprise = _wrong_and_surprise(row[z], np.delete(row, z))
        rows.append(weights[z] * wrong**gamma * surprise)
    return np.asarray(np.where(where, np.reshape(rows, np.shape(labels)), 0), np.float64)


def sigmoid_focal_loss(logits, labels, *, gamma=2.0, alpha=None, where=True):
    """Eq. 1 as printed: p = sigmoid(logit), p_t and alpha_t by the label, elementwise.

    A soft label costs its share of the loss of a 1, and the rest of that of a 0.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind == "f":
        options = {"gamma": gamma, "alpha": alpha, "where": where}
        one, zero = (
            sigmoid_focal_loss(logits, np.full(labels.shape, y), **options) for y in (1, 0)
        )
        return np.where(where, labels * one + (1 - labels) * zero, 0)
    logits, labels = np.broadcast_arrays(_extended(logits), labels)
    weights = np.broadcast_to(0.0 if alpha is None else alpha, logits.shape)
    values = []
    for logit, y, weight in zip(logits.ravel(), labels.ravel(), weights.ravel(), strict=True):
        # Against a logit of 0, p of class 1 is the sigmoid and p of class 0 one minus it.
        wrong, surprise = _wrong_and_surprise(logit if y else -logit, np.zeros(1))
        alpha_t = 1.0 if alpha is None else (weight if y else 1 - weight)
        values.append(alpha_t * wrong**gamma * surprise)
    return np.asarray(np.where(where, np.reshape(values, logits.shape), 0), np.float64)


def class_mean_distance(distances, labels, *, weights=None, where=None, over="present"):
    """Eq. 8: the mean over classes of the mean distance of a class to its own anchor.

    A class that the batch lacks contributes 0 (printed: 0/0). The outer mean is over the classes
    present, or over all K as printed. By soft labels an example is in each class with its share,
    with weights as often as it weighs.
    """
    distances, shares, weights = _members(where, distances, labels, weights)
    classes = distances.shape[-1]
    means = []
    for k in range(classes):
        often = weights * shares[:, k]
        if often.sum():
            means.append((often * distances[:, k]).sum() / often.sum())
    divisor = {"present": len(means), "all": classes}[over]
    return float(sum(means) / max(divisor, 1))


def fal_loss(
    distances, labels, *, margin, gamma=2.0, alpha=None, beta=0.1, weights=None, where=None
):
    """Eq. 9: the mean of Eq. 1 on the probabilities of Eq. 7, plus beta times Eq. 8."""
    regulariser = class_mean_distance(distances, labels, weights=weights, where=where)
    distances, shares, weights = _members(where, distances, labels, weights)
    focal = np.zeros(len(distances))
    for k in range(distances.shape[-1]):
        some = shares[:, k] != 0
        own = np.full(some.sum(), k)
        logits = distance_logits(distances[some], own, margin=margin)
        each = softmax_focal_loss(logits, own, gamma=gamma, alpha=alpha)
        focal[some] += shares[some, k] * each
    return float((weights * focal).sum() / max(len(focal), 1) + beta * regulariser)


def fal_loss_from_features(features, labels, anchors, **options):
    """Eq. 9 with the distances of Eq. 7 inside; takes the options of `fal_loss`."""
    where = np.asarray(True if options.get("where") is None else options["where"])
    features = np.where(where[..., None], features, 0)
    return fal_loss(squared_distances(features, anchors), labels, **options)


def lgm_loss(
    distances,
    labels,
    *,
    log_det=None,
    log_prior=None,
    margin=0.1,
    likelihood_weight=0.01,
    gamma=0.0,
    alpha=None,
    weights=None,
    where=None,
):
    """Eq. 6: Eq. 4 on the posterior of Eq. 3, plus a weight times Eq. 5; with Eq. 1 if gamma > 0.

    `distances` are half squared Mahalanobis distances. The margin multiplies the true class'
    distance (Wan et al., 2018); both terms are means; Eq. 5 drops the Gaussian's constant.
    """
    distances, shares, weights = _members(where, distances, labels, weights)
    n, classes = distances.shape
    log_det = np.zeros(classes) if log_det is None else np.asarray(log_det, np.float64)
    log_prior = np.zeros(classes) if log_prior is None else np.asarray(log_prior, np.float64)
    margins = np.broadcast_to(margin, classes)
    total = 0.0
    for i in range(n):
        for z in np.flatnonzero(shares[i]):
            logits = -distances[i] - log_det / 2 + log_prior
            logits[z] -= margins[z] * distances[i, z]
            focal = softmax_focal_loss(logits[None], [z], gamma=gamma, alpha=alpha)[0]
            likelihood = distances[i, z] + log_det[z] / 2
            total += weights[i] * shares[i, z] * (focal + likelihood_weight * likelihood)
    return float(total / max(n, 1))


def lgm_loss_from_features(features, labels, means, *, log_variances=None, **options):
    """Eq. 6 with the Gaussians of Eq. 2 inside; takes the options of `lgm_loss` but `log_det`."""
    if log_variances is not None:
        options["log_det"] = np.sum(log_variances, axis=-1)
    where = np.asarray(True if options.get("where") is None else options["where"])
    features = np.where(where[..., None], features, 0)
    return lgm_loss(half_mahalanobis(features, means, log_variances), labels, **options)


def nearest_anchors(features, anchors, *, k=1):
    """The k smallest distances of Eq. 7 and their classes, of equal ones the lower class first."""
    distances = squared_distances(features, anchors)
    order = np.argsort(distances, axis=-1, kind="stable")[..., :k]
    return np.take_along_axis(distances, order, axis=-1), order


def inverse_frequency_weights(class_counts):
    """Weights in proportion to 1 / n_k that sum to K."""
    return effective_number_weights(class_counts, beta=1)


def effective_number_weights(class_counts, *, beta=None, one_minus_beta=None):
    """Cui et al. (2019): 1 / E_n with E_n = (1 - beta^n) / (1 - beta), scaled to sum to K.

    In 80 decimal digits, so the powers are formed as printed. At beta = 1, E_n is its limit n.
    """
    with decimal.localcontext(prec=80):
        counts = [decimal.Decimal(int(n)) for n in np.asarray(class_counts)]
        if beta is None:
            beta = 1 - decimal.Decimal(float(one_minus_beta))
        beta = decimal.Decimal(beta)
        effective = counts if beta == 1 else [(1 - beta**n) / (1 - beta) for n in counts]
        total = sum(1 / e for e in effective)
        return np.array([float(len(counts) / e / total) for e in effective])


def faml_reference(steps, anchors, ratio, every, rate):
    """Eq. 10 to 12: the anchors after `steps`, the whole window kept as a list.

    `steps` holds (features, labels) or (features, labels, where), one minibatch each. Every
    `every` steps, anchor k becomes lambda mu_k + (1 - lambda) phi_k (Eq. 10), where mu_k is the
    mean of the window's features of class k, those of step i weighing r^i (Eq. 11, divided by the
    same sum without features, which replaces Eq. 12's `a`). A class unseen in the window stays, a
    step without valid examples counts, a partial window at the end is dropped. `rate` is lambda,
    or a function of the number of updates made before.
    """
    anchors = _extended(anchors).copy()
    window, updates = [], 0
    for features, labels, *where in steps:
        window.append(_valid(where[0] if where else None, features, labels))
        if len(window) < every:
            continue
        lam = _EXTENDED(rate(updates) if callable(rate) else rate)
        for k in range(len(anchors)):
            mean = _window_mean(window, k, ratio)
            if mean is not None:
                anchors[k] = lam * mean + (1 - lam) * anchors[k]
        window, updates = [], updates + 1
    return np.asarray(anchors, np.float64)


def _window_mean(window, k, ratio):
    """Weighted mean of class k over the window, or None where the window lacks the class."""
    seen = [i for i, (_, labels) in enumerate(window) if np.any(labels == k)]
    if not seen:
        return None
    # Only ratios of weights matter: relative to the heaviest step seen no power overflows.
    heaviest = seen[-1] if ratio >= 1 else seen[0]
    total = weight = _EXTENDED(0)
    for i in seen:
        features, labels = window[i]
        own = _EXTENDED(ratio) ** (i - heaviest)
        total = total + own * _extended(features[labels == k]).sum(0)
        weight = weight + own * np.sum(labels == k)
    return total / weight


def _extended(x):
    return np.asarray(x).astype(_EXTENDED)


def _wrong_and_surprise(own, others):
    """1 - p and -log p of the class with score `own`, neither by subtraction from 1.

    Without cancellation both stay exact in their relative digits, however small they are.
    """
    top = max(own, others.max())
    own_mass, other_mass = np.exp(own - top), np.exp(others - top).sum()
    if own_mass > other_mass:
        surprise = np.log1p(other_mass / own_mass)
    else:
        surprise = top - own + np.log(own_mass + other_mass)
    return other_mass / (own_mass + other_mass), surprise


def _class_weights(alpha, classes):
    if alpha is None:
        return np.ones(classes)
    if np.ndim(alpha) == 0:
        assert classes == 2
        return np.array([1 - alpha, alpha], np.float64)
    return np.asarray(alpha, np.float64)


def _pairwise(features, centres, distance):
    features, centres = _extended(features), _extended(centres)
    flat = features.reshape(-1, features.shape[-1])
    table = [[distance(f, c, k) for k, c in enumerate(centres)] for f in flat]
    return np.asarray(np.reshape(table, (*features.shape[:-1], len(centres))), np.float64)


def _valid(where, rows, labels):
    """The rows and labels that count, flattened to one batch axis."""
    rows = np.asarray(rows, np.float64)
    rows, labels = rows.reshape(-1, rows.shape[-1]), np.ravel(labels)
    keep = np.ones(len(labels), bool) if where is None else np.ravel(where).astype(bool)
    return rows[keep], labels[keep]


def _members(where, distances, labels, weights):
    """The distances that count, the share that each example has in each class, and its weight."""
    distances, labels = np.asarray(distances, np.float64), np.asarray(labels)
    classes = distances.shape[-1]
    if labels.ndim < distances.ndim:
        labels = np.arange(classes) == labels[..., None]
    weights = np.ones(labels.shape[:-1]) if weights is None else np.asarray(weights, np.float64)
    rows, _ = _valid(where, distances, weights)
    shares, weights = _valid(where, labels, weights)
    return rows, shares, weights
