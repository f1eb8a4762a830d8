"""The benchmarks: each with its reference in the same run. `make bench` runs all and writes bench/README.md."""
