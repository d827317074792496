#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# One power cut during the growth at first boot, at a step that rotates with the commit and the day. Each
# step, and cuts at other times: tests/crash/cuts.sh --all.
set -u
cd "$(dirname "$0")/../.." || exit 1
pair=build/pair-small
build/bin/rehome build -q -o $pair small || exit 1
exec tests/crash/cuts.sh --pair $pair --sample 1
