#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What rehome-setup apply refuses: one file a reason in tests/cases/setup.
TOP=$(cd "$(dirname "$0")/../.." && pwd)
exec "$TOP/tests/cases/run" "$TOP/tests/cases/setup" "${BUILD:-$TOP/build}/bin/rehome-setup"
