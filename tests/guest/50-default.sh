#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The main job with the default recipe: genuine old server, UEFI, import, every proof, GO.
. "$(dirname "$0")/lib.sh"

check build-z440 "$bin/rehome" build -q -o build/pair-z440 z440
check old-server tests/fixtures/oldserver/make --out build/oldserver
rehearse rehearse-z440-uefi build/report-z440 --firmware uefi --old-data build/oldserver/old.img \
	--expect build/oldserver/expect.json build/pair-z440
done_testing
