#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The cases of rehome check, for tests/run.sh: BUILD is the build folder.
here=$(dirname "$0")
exec "$here/run" "$here/check" "${BUILD:-$here/../../build}/bin/rehome"
