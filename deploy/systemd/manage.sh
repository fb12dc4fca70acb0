#!/bin/sh
# manage.py as the units run theirs: their account, their environment, their directory. As root:
#     /opt/rallypoint/deploy/systemd/manage.sh health
set -eu
if [ -t 0 ]; then terminal=--pty; else terminal=--pipe; fi
exec systemd-run --quiet --collect --wait "$terminal" --uid=rallypoint --gid=rallypoint \
    --working-directory=/opt/rallypoint --property=EnvironmentFile=/etc/rallypoint/env \
    --setenv=VAR_DIR=/var/lib/rallypoint --property=UMask=0077 \
    -- /opt/rallypoint/.venv/bin/python manage.py "$@"
