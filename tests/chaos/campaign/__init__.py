"""Everything at once, on purpose: a seeded workload over the real stack, a nemesis that breaks its
parts, quiet, and a checker that believes the clients' own notes.

    python -m tests.chaos.campaign --seed 7 --faults 100 --json verdict.json
"""
