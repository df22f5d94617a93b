"""Rows in memory that are read in blocks, or as if they were mapped, for tests of streams."""

import numpy as np

from fal_jax import data


def rows_in_memory(files, block=100, share=0.02):
    """Rows whose features tell their number."""
    labels = (np.random.default_rng(0).random(sum(files)) < share).astype(np.int32)
    features = np.arange(sum(files), dtype=np.float32)[:, None] + np.zeros(3, np.float32)
    return in_blocks(features, labels, files, block), as_mapped(features, labels, files), labels


def read(made, **options):
    """The inputs and labels of parts, their pieces put together."""
    for pieces in data.stream_parts(made, **options):
        yield tuple(np.concatenate(arrays, axis=1) for arrays in zip(*pieces, strict=True))


def as_mapped(features, labels, files):
    """Rows as mapped files would have them, each file's in the opposite order."""
    ends = np.cumsum(files)
    parts = [slice(end - size, end) for end, size in zip(ends, files, strict=True)]
    features, labels = (np.concatenate([a[p][::-1] for p in parts]) for a in (features, labels))

    def mapped(file):
        return data.MappedRows(features[parts[file]], labels[parts[file]], lambda *_: None)

    rows = in_blocks(features, labels, files, max(files))
    return rows._replace(order=lambda file: np.arange(files[file])[::-1], mapped=mapped)


def in_blocks(features, labels, files, block):
    """Rows as files of some sizes would have them, in blocks."""
    sizes = [np.diff(np.append(np.arange(0, rows, block), rows)) for rows in files]
    starts = np.cumsum(np.concatenate(sizes)) - np.concatenate(sizes)
    ends = np.cumsum(files)

    def read(block, features_out, labels_out):
        part = slice(starts[block], starts[block] + len(labels_out))
        features_out[:], labels_out[:] = features[part], labels[part]

    def of_file(file):
        return slice(ends[file] - files[file], ends[file])

    def positives(file):
        found = np.flatnonzero(labels[of_file(file)])
        return found, features[of_file(file)][found]

    return data.BlockRows(
        sizes=np.concatenate(sizes),
        files=np.repeat(np.arange(len(files)), [len(s) for s in sizes]),
        counts=np.array([np.bincount(labels[of_file(f)], minlength=2) for f in range(len(files))]),
        dim=features.shape[1],
        read=read,
        positives=positives,
        order=lambda file: np.arange(files[file]),
    )
