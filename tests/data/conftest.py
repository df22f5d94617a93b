"""A cache of parsed tables that no test shares with another, or with the user."""

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("FAL_JAX_CACHE", str(folder))
    return folder
