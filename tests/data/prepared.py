"""Small image data sets in the form in which tensorflow-datasets prepares them, made without it."""

import io
import json

import numpy as np
from array_record.python.array_record_module import ArrayRecordWriter
from PIL import Image
from tensorflow_datasets.proto import tf_example_pb2

_SHAPES = {"cifar10": (32, 32, 3), "mnist": (28, 28, 1)}
_VERSIONS = {"cifar10": "3.0.2", "mnist": "3.0.1"}


def prepare(folder, name, labels, test_labels, *, seed=0):
    """Writes a data set; returns its images, `{"train": uint8, "test": uint8}`.

    The images of a class are noise around a grey of its own, so that a network can learn them.
    """
    rng = np.random.default_rng(seed)
    target = folder / name / _VERSIONS[name]
    target.mkdir(parents=True)
    pictures, splits = {}, []
    for split, of_split in (("train", labels), ("test", test_labels)):
        grey = 25 * np.asarray(of_split).reshape(-1, 1, 1, 1)
        noise = rng.integers(-20, 21, (len(of_split), *_SHAPES[name]))
        pictures[split] = np.clip(grey + noise, 0, 255).astype(np.uint8)
        path = target / f"{name}-{split}.array_record-00000-of-00001"
        writer = ArrayRecordWriter(str(path), "group_size:1")
        for picture, label in zip(pictures[split], of_split, strict=True):
            writer.write(_example(picture, int(label)))
        writer.close()
        splits.append(
            {
                "name": split,
                "shardLengths": [str(len(of_split))],
                "numBytes": "1",
                "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
            }
        )
    info = {"name": name, "version": _VERSIONS[name], "fileFormat": "array_record"}
    (target / "dataset_info.json").write_text(json.dumps(info | {"splits": splits}))
    return pictures


def _example(picture, label):
    png = io.BytesIO()
    Image.fromarray(picture.squeeze()).save(png, "png")
    example = tf_example_pb2.Example()
    features = example.features.feature
    features["id"].bytes_list.value.append(b"made")
    features["image"].bytes_list.value.append(png.getvalue())
    features["label"].int64_list.value.append(label)
    return example.SerializeToString()
