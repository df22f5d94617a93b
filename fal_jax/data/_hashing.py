"""Random numbers that follow from whole ones, and checksums of files."""

import pathlib
import zlib

import numpy as np


def mixed(numbers: np.ndarray) -> np.ndarray:
    """63 random bits for each uint64, in uint64: the finaliser of splitmix64."""
    bits = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ bits >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ bits >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return (bits ^ bits >> np.uint64(31)) >> np.uint64(1)


def crc32(file: pathlib.Path) -> int:
    """The checksum of a file, read by the megabyte."""
    checksum = 0
    with file.open("rb") as stream:
        while block := stream.read(2**20):
            checksum = zlib.crc32(block, checksum)
    return checksum
