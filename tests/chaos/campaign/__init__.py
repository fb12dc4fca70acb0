"""Everything at once, on purpose: a seeded workload over the real stack, a nemesis that breaks its
parts, quiet, and a checker that believes the clients' own notes.

    python -m tests.chaos.campaign --seed 7 --faults 100 --json verdict.json

The seed gives the order of the faults, what each does to whom, and what clients choose; when a
process runs is the machine's to say, so a campaign that is repeated is alike, not the same.
"""
