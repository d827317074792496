#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The main job: build the default image, make a genuine old server, rehearse the move, say GO or NO-GO.
#
# usage: tests/demo.sh [--keep] [--firmware bios|uefi]
set -eu
cd "$(dirname "$0")/.."
start=$(date +%s)

# The old server is made beside the image: each waits for the network and the disk half of its time.
mkdir -p build
tests/fixtures/oldserver/make --out build/oldserver >build/oldserver.log 2>&1 &
old=$!
trap 'kill "$old" 2>/dev/null' EXIT
build/bin/rehome build -o build/pair-z440 z440
wait "$old" || { cat build/oldserver.log >&2; exit 1; }
trap - EXIT
status=0
build/bin/rehome rehearse --old-data build/oldserver/old.img --expect build/oldserver/expect.json \
	--report build/report-demo "$@" build/pair-z440 || status=$?
seconds=$(($(date +%s) - start))
cat >&2 <<EOT

The whole demo took $((seconds / 60)) min $((seconds % 60)) s. Report and serial log: build/report-demo/.
To look inside (webmail, administration), run: make demo KEEP=1
EOT
exit "$status"
