"""What tests of the experiments share."""

import pytest

from experiments import records


@pytest.fixture(scope="module")
def isolated(tmp_path_factory):
    """No data of the user's, a cache of parsed tables of its own, and one commit throughout."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("FAL_JAX_DATA", raising=False)
        patch.setenv("FAL_JAX_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(records, "commit", lambda: "0123456789abcdef0123456789abcdef01234567")
        yield
