"""How fast it is: `make bench`, or `python -m benchmarks [name ...]`.

Every figure is the median of alternating rounds on this machine, so what counts are the ratios.
"""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
