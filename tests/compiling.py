"""How the tests compile: quickly, and as users do where float32 is held to its precision.

Most of the suite's time would be compiling, of programs that run once on a few rows.
"""

import functools

import jax

# XLA's defaults, and the cheapest: no optimisation, and the emitters it had before MLIR's. A flag
# that a later XLA has dropped ends the process with its name: take it out here.
_USUAL = {
    "xla_backend_optimization_level": 3,
    "xla_llvm_disable_expensive_passes": False,
    "xla_cpu_use_fusion_emitters": True,
}
_QUICK = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,
}
# For `XLA_FLAGS`, which processes that a test starts inherit.
FLAGS = " ".join(f"--{name}={value}".lower() for name, value in _QUICK.items())

jit_as_users = functools.partial(jax.jit, compiler_options=_USUAL)
