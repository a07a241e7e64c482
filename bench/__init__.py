"""The benchmarks: `make bench`. Figures are ratios measured in one run, with their spread, and absolute ones where the
promise is absolute. Results go to `bench/results/`.
"""
