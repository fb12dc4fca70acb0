"""`python -m tests.chaos.campaign`: exit code 1 when something was violated."""

import argparse
import os
import random
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Health would wait for the first one.
os.environ.setdefault("BACKUP_INTERVAL_HOURS", "0")
os.environ.setdefault(
    "SECRET_KEY", "only-for-a-campaign-on-loopback-and-for-nothing-else-0123456789"
)


def say(line: str) -> None:
    """Somebody waits for it, perhaps through a pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    from tests.chaos.campaign.nemesis import AS_ROOT, FAULTS, KILLS, plan
    from tests.chaos.campaign.run import Campaign
    from tests.chaos.campaign.worker import MUTATIONS

    parser = argparse.ArgumentParser(prog="python -m tests.chaos.campaign", description=__doc__)
    known = [*FAULTS, *AS_ROOT]
    parser.add_argument("--seed", type=int, help="of a campaign to repeat; one at random")
    parser.add_argument("--faults", type=int, default=30, help="how many (30)")
    parser.add_argument("--only", action="append", choices=[*known, "kills"], help="some of them")
    parser.add_argument("--mutation", default="", choices=["", *MUTATIONS], help="a broken build")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the verdict there too")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**31)
    chosen = options.only or [*FAULTS, *(AS_ROOT if os.geteuid() == 0 else ())]
    chosen = KILLS if chosen == ["kills"] else chosen
    say(f"seed {seed}: {options.faults} faults of {', '.join(chosen)}")
    with tempfile.TemporaryDirectory(
        prefix="rallypoint-campaign-", ignore_cleanup_errors=True
    ) as place:
        Path(place).chmod(0o711)
        campaign = Campaign(Path(place), seed, mutation=options.mutation)
        verdict = campaign.run(plan(seed, options.faults, chosen), say)
    for name, figure in verdict.figures.items():
        say(f"{name:<18} {figure}")
    for violation in verdict.violations:
        say(f"VIOLATED  {violation.law}  {violation.subject}  {violation.evidence[:300]}")
    say("PASSED" if verdict.passed else "FAILED")
    if options.json:
        options.json.write_text(verdict.as_json() + "\n")
    return 0 if verdict.passed else 1


if __name__ == "__main__":
    sys.exit(main())
