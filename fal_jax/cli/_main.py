"""From the command line to a command, and from whatever goes wrong to a message."""

import os
import sys
import warnings
from collections.abc import Sequence

_WRONG, _BUG, _STOPPED = 2, 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command of `fal-jax`.

    Args:
      arguments: of the command line, after the program's name; None takes the process's own.

    Returns:
      The exit code: 0; 2 where the table, a file or an option is wrong, and a message on standard
      error says what to do; 130 after Ctrl-C; 1 after an error that is this program's own.

    Example:
      >>> main(["report", "no-such-folder"])
      2
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.showwarning = lambda message, *_, **__: _say(f"Note: {message}")
            return _run(arguments)
    except KeyboardInterrupt:
        _say("Stopped.")
        return _STOPPED
    except ModuleNotFoundError as error:
        _say(f"Error: {error.name} is not installed: pip install fal-jax[cli].")
        return _WRONG
    except MemoryError:
        _say("Error: out of memory: take less --memory, or fewer rows, columns or --trials.")
        return _WRONG
    except (OSError, ValueError, ImportError) as error:
        _say(f"Error: {error}")
        return _WRONG
    except Exception as error:
        if "FAL_JAX_TRACEBACK" in os.environ:
            raise
        _say(
            f"Error, of this program and not of the table: {type(error).__name__}: {error} "
            "(set FAL_JAX_TRACEBACK=1 to see where)."
        )
        return _BUG


def script() -> None:
    """The console script: `main` on all cores."""
    import jax

    jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)
    sys.exit(main())


def _run(arguments: Sequence[str] | None) -> int:
    import tyro

    import fal_jax
    from fal_jax.cli._commands import COMMANDS

    if list(sys.argv[1:] if arguments is None else arguments) == ["--version"]:
        print(f"fal-jax {fal_jax.__version__}")  # noqa: T201
        return 0
    try:
        tyro.extras.subcommand_cli_from_dict(
            dict(COMMANDS),
            prog="fal-jax",
            description="Learning from tables with rare classes; --version tells the version.",
            args=arguments,
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
        )
    except SystemExit as stop:  # of tyro, after help or a wrong option
        return stop.code if isinstance(stop.code, int) else 0
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201
