"""What a fitted classifier can do with files."""

import os
from typing import Any, Self, cast

from fal_jax.estimators._exporting import export, export_onnx
from fal_jax.estimators._saving import load, save


class Saved:
    """Saving, loading and export of a fitted classifier."""

    encoding_: Any
    ensemble_: Any

    def _network(self) -> Any:
        raise NotImplementedError

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the fitted classifier to one safetensors file, its options as JSON in the header.

        Written to a temporary name, then renamed: whole or not at all. The optimiser's state is
        not in it: `partial_fit` of what is loaded starts a new one.

        Args:
          path: of the file.
        """
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(cast(Any, self))
        save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Reads what `save` wrote; runs no code from the file.

        Args:
          path: of the file.

        Returns:
          The fitted classifier.

        Raises:
          FileNotFoundError: no such file.
          ValueError: a damaged file, one that was cut short, another classifier's, or one of a
            version that knows more.
        """
        return load(cls, path)

    def export(self, path: str | os.PathLike[str] | None = None) -> bytes:
        """The fitted `predict_proba` as a program that needs JAX alone, for CPU, GPU and TPU.

        `jax.export.deserialize(program).call(rows)` maps float32 `[rows, features]` to
        probabilities `[rows, classes]`. Rows are as for `fit`, categories as codes: the place of a
        value in `encoding_.levels`, NaN for one that is missing or unknown.

        Args:
          path: where to write it too, whole or not at all; None does not.

        Returns:
          The serialised `jax.export.Exported`.
        """
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(cast(Any, self))
        return export(self._network(), self.ensemble_, self.encoding_, path)

    def export_onnx(self, path: str | os.PathLike[str] | None = None) -> bytes:
        """The fitted `predict_proba` as an ONNX model, for programs that know no JAX.

        Its input and output are those of the program that `export` gives.

        Args:
          path: where to write it too, whole or not at all; None does not.

        Returns:
          The serialised model.

        Raises:
          ImportError: jax2onnx is missing, which the extra `onnx` brings.
        """
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(cast(Any, self))
        return export_onnx(self._network(), self.ensemble_, self.encoding_, path)
