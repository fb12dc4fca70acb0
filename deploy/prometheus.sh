#!/bin/sh
# The tests of metrics are scraped by Debian's Prometheus. Without one they are skipped, and say so.
# It is unpacked beside the Python packages and not installed: nobody asked for a service.
into=.venv/debian
command -v promtool >/dev/null && exit 0
[ -x "$into/usr/bin/promtool" ] && exit 0
skip() { echo "There is no Prometheus: the tests with it will be skipped."; exit 0; }
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || skip
echo "Fetching Prometheus for the tests of metrics (20 MB)"
mkdir -p "$into" && cd "$into" || skip
fetch() { timeout 120 apt-get download -qq prometheus >/dev/null 2>&1; }
# The second try is for images that come without package lists.
fetch || { [ "$(id -u)" = 0 ] && timeout 120 apt-get update -qq >/dev/null 2>&1 && fetch; } || skip
dpkg-deb -x prometheus_*.deb . || skip
rm -f prometheus_*.deb
