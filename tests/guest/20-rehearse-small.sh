#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The small pair starts from BIOS, configures itself and is [UU], seen from outside.
. "$(dirname "$0")/lib.sh"

rehearse rehearse-small-bios build/report-small --firmware bios --old-data none build/pair-small
done_testing
