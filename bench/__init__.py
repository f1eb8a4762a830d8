"""The benchmarks: each with its reference in the same run. `python -m bench --list` names them."""
