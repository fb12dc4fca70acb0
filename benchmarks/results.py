"""What a benchmark found: both sides, round by round, and how they stand against the targets."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Side:
    """One of those compared, with its figure of every round."""

    name: str
    unit: str
    rounds: list[float]
    note: str = ""

    @property
    def median(self) -> float:
        return median(self.rounds)


@dataclass(frozen=True)
class Target:
    """A figure with its bound, above or below which it has to be."""

    name: str
    value: float
    bound: float
    unit: str = "x"
    at_least: bool = True

    @property
    def reached(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    @property
    def verdict(self) -> str:
        return "PASS" if self.reached else "MISS"


@dataclass
class Result:
    name: str
    what: str
    sides: list[Side] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def show(result: Result, *, judged: bool = True) -> str:
    lines = ["", f"{result.name}: {result.what}"]
    lines += [f"  {_side(side)}" for side in result.sides]
    lines += [
        f"  {target.verdict if judged else '    '}  {_target(target)}" for target in result.targets
    ]
    lines += [f"  {note}" for note in result.notes]
    return "\n".join(line.rstrip() for line in lines)


def _side(side: Side) -> str:
    rounds = " ".join(_number(value) for value in side.rounds)
    return f"{side.name:<28}{_number(side.median):>10} {side.unit:<9} [{rounds}] {side.note}"


def _target(target: Target) -> str:
    value = f"{_number(target.value)} {target.unit}"
    bound = f"at {'least' if target.at_least else 'most'} {_number(target.bound)} {target.unit}"
    return f"{target.name:<48}{value:>16}   {bound}"


def page(results: list[Result]) -> str:
    """Every target of every benchmark, on one page."""
    targets = [(result.name, target) for result in results for target in result.targets]
    reached = sum(target.reached for _, target in targets)
    lines = [f"{target.verdict}  {name:<12}{_target(target)}" for name, target in targets]
    return "\n".join(["", *lines, f"{reached} of {len(targets)} reached."])


def as_data(result: Result) -> dict[str, object]:
    data = asdict(result)
    for shown, side in zip(data["sides"], result.sides, strict=True):
        shown["median"] = side.median
    for shown, target in zip(data["targets"], result.targets, strict=True):
        shown["reached"] = target.reached
    return data


def write_json(path: Path, versions: dict[str, str], results: list[Result]) -> None:
    found = {"machine": versions, "results": [as_data(result) for result in results]}
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def read_json(path: Path) -> list[Result]:
    """The results that `write_json` wrote; KeyError or ValueError when they are something else."""
    results = []
    for data in json.loads(path.read_text(encoding="utf-8"))["results"]:
        sides = [Side(s["name"], s["unit"], s["rounds"], s["note"]) for s in data["sides"]]
        targets = [
            Target(t["name"], t["value"], t["bound"], t["unit"], t["at_least"])
            for t in data["targets"]
        ]
        results.append(Result(data["name"], data["what"], sides, targets, data["notes"]))
    return results


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 20 else f"{value:.2f}"
