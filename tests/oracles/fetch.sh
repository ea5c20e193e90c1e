#!/bin/sh
# Puts Debian's Prometheus, promtool and Alertmanager into .oracles/, without starting any service.
set -eu
target="$(cd "$(dirname "$0")/../.." && pwd)/.oracles"
[ -x "$target/prometheus" ] && [ -x "$target/promtool" ] && [ -x "$target/alertmanager" ] && exit 0
command -v apt-get >/dev/null || { echo "prometheus, promtool and alertmanager can be fetched on Debian only; put them on PATH" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq prometheus prometheus-alertmanager 2>/dev/null ||
	{ apt-get update -qq && apt-get download -qq prometheus prometheus-alertmanager; }
for package in ./*.deb; do dpkg -x "$package" unpacked; done
mkdir -p "$target"
mv unpacked/usr/bin/promtool unpacked/usr/bin/prometheus "$target/"
# Debian's build looks for its templates in this place alone.
share=usr/share/prometheus/alertmanager
if [ ! -d "/$share" ]; then
	as_root=$([ "$(id -u)" -eq 0 ] || echo sudo)
	$as_root mkdir -p "/$share"
	$as_root cp "unpacked/$share/"*.tmpl "/$share/"
fi
mv unpacked/usr/bin/prometheus-alertmanager "$target/alertmanager"
