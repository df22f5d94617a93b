"""The front page's picture: moons with one positive in 50, and a PNG."""

import numpy as np
from PIL import Image

from experiments import front_picture


def test_one_point_in_50_is_on_the_other_moon():
    points, labels = front_picture.two_moons(1000, seed=0)
    assert points.shape == (1000, 2)
    assert labels.sum() == 20
    centres = np.where(labels[:, None], [1.0, 0.5], [0.0, 0.0])
    assert abs(np.linalg.norm(points - centres, axis=1).mean() - 1) < 0.05


def test_draws_a_picture(tmp_path):
    front_picture.draw(tmp_path / "picture.png", num_steps=2)
    with Image.open(tmp_path / "picture.png") as drawn, Image.open(front_picture.PATH) as committed:
        assert drawn.size == committed.size
