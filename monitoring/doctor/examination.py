"""Everything that is looked at, one after the other; what fails is a finding as well."""

from collections.abc import Iterator

from monitoring.doctor import backups, configuration, database, machine, stores
from monitoring.doctor.finding import Finding, Level, Probe
from monitoring.redaction import redact_text

PROBES: tuple[Probe, ...] = (
    configuration.system_checks,
    configuration.names,
    configuration.certificate,
    configuration.static_files,
    machine.health,
    machine.open_files,
    database.version,
    database.rights,
    database.durability,
    database.tuning,
    database.connections,
    stores.durable_store,
    stores.cache_store,
    backups.schedule,
    backups.programs,
    backups.places,
)
_ORDER = list(Level)


def examine() -> list[Finding]:
    """The worst first."""
    found = [finding for probe in PROBES for finding in _careful(probe)]
    return sorted(found, key=lambda one: _ORDER.index(one.level))


def _careful(probe: Probe) -> Iterator[Finding]:
    try:
        yield from probe()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is no reason to say nothing else
        name = probe.__name__.replace("_", " ")
        said = redact_text(str(error).strip().partition("\n")[0])[:160]
        text = f"Could not be looked at: {type(error).__name__}: {said}"
        yield Finding(Level.WARNING, name, text, "Mend what is an error first, then look again.")
