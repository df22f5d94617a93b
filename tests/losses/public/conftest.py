"""The scripts here need frameworks that the tests do without."""

collect_ignore_glob = ["*.py"]
