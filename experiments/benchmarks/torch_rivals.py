"""PyTorch: a DataLoader, slices of a tensor, and many models under vmap."""

import itertools
from collections.abc import Iterator

# The extra "benchmarks" has PyTorch; the environment that the types are checked in lacks it.
import torch  # pyrefly: ignore[missing-import]

from experiments.benchmarks.task import CLASSES, DIM, HIDDEN, LEARNING_RATE, Data, Training
from experiments.benchmarks.task import scored_rows as scored

MODELS = 64
# A piece of an epoch: the stream of batches goes on where the last piece stopped.
PIECE_ROWS = 16_384

Batch = tuple[torch.Tensor, torch.Tensor]


def dataloader(data: Data, batch_size: int) -> Training:
    """The tutorials' loop: a DataLoader that shuffles a TensorDataset."""
    dataset = torch.utils.data.TensorDataset(*tensors(data))
    loader = torch.utils.data.DataLoader(dataset, batch_size, shuffle=True)
    epochs = itertools.chain.from_iterable(itertools.repeat(loader))
    return one_model(data, batch_size, epochs)


def sliced(data: Data, batch_size: int, *, fused: bool = False) -> Training:
    """A loop over batches gathered from tensors in memory, by one permutation an epoch."""
    batches = shuffled(*tensors(data), batch_size, whole=False)
    return one_model(data, batch_size, batches, fused=fused)


def sliced_fused(data: Data, batch_size: int) -> Training:
    """The sliced loop with the optimiser's fused kernel, which is not the default."""
    return sliced(data, batch_size, fused=True)


def vmap(data: Data, batch_size: int, *, compiled: bool = False) -> Training:
    """Models stacked under vmap, with one gather a batch for all and the closed two-class head."""
    network = make_network()
    stacked, _ = torch.func.stack_module_state([make_network() for _ in range(MODELS)])
    params = {name: value.detach().clone() for name, value in stacked.items()}
    sums = {name: torch.zeros_like(value) for name, value in params.items()}
    rates = torch.full((MODELS,), LEARNING_RATE)  # one a model, as a sweep has them

    def loss(params: dict, features: torch.Tensor, signs: torch.Tensor) -> torch.Tensor:
        logits = torch.func.functional_call(network, params, (features,))
        scores = (logits[:, 1] - logits[:, 0]) * signs
        return torch.nn.functional.softplus(-scores).mean()

    gradient = torch.func.vmap(torch.func.grad_and_value(loss), in_dims=(0, None, None))

    def step(params: dict, sums: dict, features: torch.Tensor, signs: torch.Tensor) -> tuple:
        gradients, _ = gradient(params, features, signs)
        sums = {name: sums[name] + gradients[name] ** 2 for name in sums}
        return {
            name: adagrad(params[name], gradients[name], sums[name], rates) for name in sums
        }, sums

    update = torch.compile(step, dynamic=False) if compiled else step
    features, labels = tensors(data)
    batches = shuffled(features, signs_of(labels), batch_size, whole=True)

    @torch.no_grad()
    def train() -> int:
        nonlocal params, sums
        samples = 0
        for batch in itertools.islice(batches, steps(batch_size)):
            params, sums = update(params, sums, *batch)
            samples += MODELS * len(batch[1])
        return samples

    def mean_loss() -> float:
        features, labels = tensors(scored(data))
        losses = torch.func.vmap(loss, in_dims=(0, None, None))(params, features, signs_of(labels))
        return losses.mean().item()

    return Training(train, mean_loss, models=MODELS)


def vmap_compiled(data: Data, batch_size: int) -> Training:
    """The models under vmap, with the whole step compiled."""
    return vmap(data, batch_size, compiled=True)


def one_model(
    data: Data, batch_size: int, batches: Iterator[Batch], *, fused: bool = False
) -> Training:
    """Trains one model in the plain way on a stream of batches."""
    network, criterion = make_network(), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adagrad(network.parameters(), lr=LEARNING_RATE, fused=fused)

    def train() -> int:
        samples = 0
        for features, labels in itertools.islice(batches, steps(batch_size)):
            optimizer.zero_grad()
            criterion(network(features), labels).backward()
            optimizer.step()
            samples += len(labels)
        return samples

    @torch.no_grad()
    def mean_loss() -> float:
        features, labels = tensors(scored(data))
        return criterion(network(features), labels).item()

    return Training(train, mean_loss)


def make_network() -> torch.nn.Module:
    """The perceptron that all train."""
    widths = (DIM, *HIDDEN, CLASSES)
    layers = [torch.nn.Linear(*pair) for pair in itertools.pairwise(widths)]
    between = [module for layer in layers[:-1] for module in (layer, torch.nn.ReLU())]
    return torch.nn.Sequential(*between, layers[-1])


def adagrad(
    param: torch.Tensor, gradient: torch.Tensor, total: torch.Tensor, rates: torch.Tensor
) -> torch.Tensor:
    """The parameter after a step of torch.optim.Adagrad, by each model's own rate."""
    rates = rates.reshape(-1, *[1] * (param.ndim - 1))
    return param - rates * gradient / (total.sqrt() + 1e-10)


def shuffled(
    features: torch.Tensor, labels: torch.Tensor, batch_size: int, *, whole: bool
) -> Iterator[Batch]:
    """Batches without end, epoch after epoch, each in an order of its own.

    Args:
      features: `[rows, dim]`.
      labels: `[rows]`.
      batch_size: rows a batch.
      whole: leaves out the smaller batch at an epoch's end, which a compiled step would stop for.
    """
    rows = len(labels)
    end = rows - rows % batch_size if whole else rows
    while True:
        for batch in torch.randperm(rows)[:end].split(batch_size):
            yield features.index_select(0, batch), labels.index_select(0, batch)


def signs_of(labels: torch.Tensor) -> torch.Tensor:
    """Labels 0 and 1 as -1 and 1."""
    return (2 * labels - 1).to(torch.float32)


def tensors(data: Data) -> Batch:
    """The data's memory, as tensors."""
    return torch.from_numpy(data.features), torch.from_numpy(data.labels)


def steps(batch_size: int) -> int:
    """Batches in a piece."""
    return -(-PIECE_ROWS // batch_size)
