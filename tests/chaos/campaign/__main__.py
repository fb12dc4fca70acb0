"""`python -m tests.chaos.campaign`: exit code 1 when something was violated."""

import argparse
import os
import random
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault(
    "SECRET_KEY", "only-for-a-campaign-on-loopback-and-for-nothing-else-0123456789"
)


def say(line: str) -> None:
    """Somebody waits for it, perhaps through a pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    from tests.chaos.campaign.nemesis import KILLS, plan, possible
    from tests.chaos.campaign.run import Campaign

    options = _options()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**31)
    chosen = options.only or possible()
    if "kills" in chosen:
        chosen = [*(name for name in chosen if name != "kills"), *KILLS]
    steps = plan(seed, options.faults, chosen, at_once=options.overlap)
    say(f"seed {seed}: {options.faults} faults of {', '.join(chosen)}")
    with tempfile.TemporaryDirectory(
        prefix="rallypoint-campaign-", ignore_cleanup_errors=True
    ) as place:
        Path(place).chmod(0o711)  # the servers' user passes through
        campaign = Campaign(Path(place), seed, mutation=options.mutation)
        campaign.verdict.overlap = options.overlap
        verdict = campaign.run(steps, say, minutes=options.minutes)
    say(verdict.as_table())
    if options.json:
        options.json.write_text(verdict.as_json() + "\n")
    return 0 if verdict.passed else 1


def _options() -> argparse.Namespace:
    from tests.chaos.campaign.mutations import MUTATIONS
    from tests.chaos.campaign.nemesis import FAULTS

    parser = argparse.ArgumentParser(prog="python -m tests.chaos.campaign", description=__doc__)
    parser.add_argument("--seed", type=int, help="of a campaign to repeat; one at random")
    parser.add_argument("--faults", type=int, default=30, help="how many (30)")
    parser.add_argument(
        "--minutes", type=float, default=0.0, help="to spread the faults over; else without pause"
    )
    parser.add_argument("--only", action="append", choices=[*FAULTS, "kills"], help="some of them")
    parser.add_argument("--overlap", type=int, default=1, help="so many faults at once (1)")
    parser.add_argument("--mutation", default="", choices=["", *MUTATIONS], help="a broken build")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the verdict there too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
