# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: BSD-3-Clause
# What the scripts share in which something is wrong when a transfer goes on: how it was broken off, and journals
# that are spoilt. Sourced after lib.sh.

# shellcheck source=tests/e2e/survive_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/survive_lib.sh"

# stopped_midway: both were killed in the middle of a transfer, whose commands stand.
stopped_midway() {
	begin_both
	wait_midway
	kill_off exporter collector
	hurry
}

# ---- journals

journal=

# fingerprint FOLDER: names, kinds, sizes and contents.
fingerprint() {
	(cd "$1" && find . -printf '%P %y %s %m %i\n' | LC_ALL=C sort &&
		find . -type f -exec sha256sum {} + | LC_ALL=C sort)
}

# sql STATEMENT: to the journal, whose log is written back when it is closed.
sql() {
	python3 -c '
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
print(database.execute(sys.argv[2]).fetchone())
database.close()' "$journal" "$1"
}

spoil_garbage() {
	head -c 4096 /dev/urandom | dd of="$journal" conv=notrunc status=none
}

spoil_inside() {
	head -c $(($(stat -c %s "$journal") - 4096)) /dev/urandom |
		dd of="$journal" bs=4096 seek=1 conv=notrunc status=none
}

spoil_cut() {
	truncate -s $(($(stat -c %s "$journal") / 2 + 1)) "$journal"
}

spoil_cut_to_nothing() {
	truncate -s 0 "$journal"
}

spoil_newer() {
	sql 'pragma user_version = 4711'
}

spoil_read_only() {
	chmod a-w "$journal"
}

spoil_folder() {
	rm "$journal"
	mkdir "$journal"
}
