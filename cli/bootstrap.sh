#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# From a fresh clone to a running aemcert: looks that Node, the Debian packages and
# the npm packages are there, installs what it may, then runs aemcert with the
# arguments given. What is there already is not touched and needs no network.
#
#   sh cli/bootstrap.sh COMMAND [ARGUMENT...]
#
# Exit status: aemcert's own; 3 when something is missing that it cannot install.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

fail()
{
	printf 'aemcert: %s\n' "$1" >&2
	exit 3
}

need_node()
{
	command -v node >/dev/null 2>&1 ||
		fail 'Node.js is missing. Do: install Node.js 20.19 or later, https://nodejs.org'
	version=$(node --version)
	version=${version#v}
	major=${version%%.*}
	minor=${version#*.}
	minor=${minor%%.*}
	if [ "$major" -lt 20 ] || { [ "$major" -eq 20 ] && [ "$minor" -lt 19 ]; }; then
		fail "Node.js $version is too old. Do: install Node.js 20.19 or later, https://nodejs.org"
	fi
}

# The names in a list of packages, on stdin, that are not installed, on one line.
missing_packages()
{
	sed 's/#.*//' | while read -r name; do
		[ -n "$name" ] || continue
		status=$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null || true)
		[ "$status" = installed ] || printf '%s ' "$name"
	done
}

# The source of the kernel that is asked for, unless it is of another origin or
# the newest one's, which is in the list.
asked_source()
{
	version=
	previous=
	for argument in "$@"; do
		case $argument in
		--source | --source=*) return ;;
		--kernel-version=*) version=${argument#*=} ;;
		*) [ "$previous" != --kernel-version ] || version=$argument ;;
		esac
		previous=$argument
	done
	# What there is no series for, aemcert tells.
	[ -n "$version" ] && [ -d "$root/kernel/patches/$version" ] || return 0
	printf 'linux-source-%s # the source of the kernel that is asked for\n' "$version"
}

need_packages()
{
	if ! command -v dpkg-query >/dev/null 2>&1; then
		echo 'aemcert: this is no Debian system; aemcert doctor tells what is missing' >&2
		return
	fi
	missing=$({
		cat "$root/cli/setup/debian-packages.txt"
		asked_source "$@"
	} | missing_packages)
	missing=${missing% }
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		printf 'aemcert: Debian packages are missing: %s\n' "$missing" >&2
		fail "do: sudo apt-get update && sudo apt-get install --no-install-recommends $missing"
	fi
	printf 'aemcert: installing Debian packages: %s\n' "$missing" >&2
	export DEBIAN_FRONTEND=noninteractive
	lock='-o DPkg::Lock::Timeout=300'
	# shellcheck disable=SC2086
	apt-get $lock -qq update >&2 ||
		fail 'apt-get update failed. Do: look at its messages above'
	# shellcheck disable=SC2086
	apt-get $lock -qq install -y --no-install-recommends $missing >&2 ||
		fail 'apt-get install failed. Do: look at its messages above'
}

# node_modules is as package-lock.json says, when the stamp says so. One that npm
# has made itself after the lock file was written will do too.
need_node_modules()
{
	stamp="$root/node_modules/.aemcert-stamp"
	want=$(sha256sum "$root/package-lock.json")
	want=${want%% *}
	[ "$(cat "$stamp" 2>/dev/null || true)" = "$want" ] && return
	installed="$root/node_modules/.package-lock.json"
	if [ ! -f "$stamp" ] && [ -f "$installed" ] &&
	   [ -n "$(find "$installed" -newer "$root/package-lock.json")" ] &&
	   [ -d "$root/node_modules/typescript" ]; then
		printf '%s\n' "$want" >"$stamp"
		return
	fi
	echo 'aemcert: installing npm packages' >&2
	(cd "$root" && npm ci --include=dev --no-audit --no-fund --loglevel=error) >&2 ||
		fail 'npm ci failed. Do: look at its messages above'
	printf '%s\n' "$want" >"$stamp"
}

need_node
need_packages "$@"
need_node_modules
exec node "$root/cli/aemcert.js" "$@"
