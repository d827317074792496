#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# After an edit in an overlay no package is installed again, and the edit is in the image.
. "$(dirname "$0")/lib.sh"

mkdir "$work/data"
cp -a recipes overlays lib rootfs builder Makefile "$work/data/"
echo '# edited' >>"$work/data/overlays/base/files/etc/sysctl.d/60-rehome.conf"
trees=$(find "${RH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rehome}/tree" -name '*.tar' | wc -l)
start=$(date +%s)
check build-after-edit $bin/rehome build --data "$work/data" -o "$work/pair" small
grep 'done,' "$work/out" | sed 's/^/# /'
echo "# build after an edit: $(($(date +%s) - start)) s"
[ "$trees" -eq "$(find "${RH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rehome}/tree" -name '*.tar' | wc -l)" ] &&
	ok no-package-installed-again || not_ok no-package-installed-again
cmp -s build/pair-small/SHA256SUMS "$work/pair/SHA256SUMS" && not_ok image-differs || ok image-differs
done_testing
