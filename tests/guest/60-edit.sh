#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# After an edit in an overlay no package is installed again, and the edit is in the image.
. "$(dirname "$0")/lib.sh"

mkdir "$work/data"
cp -a recipes overlays lib rootfs builder Makefile "$work/data/"
echo '# edited' >>"$work/data/overlays/base/files/etc/sysctl.d/60-rehome.conf"
trees=$(find "${RH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rehome}/tree" -name '*.tar' | wc -l)
start=$(date +%s)
check build-after-edit $bin/rehome build --data "$work/data" -o "$work/pair" --progress-fd 3 small 3>"$work/progress"
grep 'done,' "$work/out" | sed 's/^/# /'
memory=$(sed -n 's/.*own peak memory: \([0-9]*\) MiB/\1/p' "$work/out")
echo "# peak memory of rehome build, without children: $memory MiB"
[ -n "$memory" ] && [ "$memory" -le 100 ] && ok peak-memory || not_ok peak-memory "$memory MiB"
# Every line of the progress is a JSON object with the same keys, and the last step was reached.
if [ -s "$work/progress" ] && grep -q '"step":"pair"' "$work/progress" &&
	! grep -vE '^\{"step":"[a-z]*","done":[0-9.]*,"overall":[0-9.]*,"seconds":[0-9.]*,"left":[0-9]*,"text":"[^"]*"\}$' "$work/progress"; then
	ok progress-json
else
	not_ok progress-json "$(tail -n 3 "$work/progress")"
fi
echo "# build after an edit: $(($(date +%s) - start)) s"
[ "$trees" -eq "$(find "${RH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rehome}/tree" -name '*.tar' | wc -l)" ] &&
	ok no-package-installed-again || not_ok no-package-installed-again
cmp -s build/pair-small/SHA256SUMS "$work/pair/SHA256SUMS" && not_ok image-differs || ok image-differs

# --- a disk that is too full is refused before anything is written ---
if [ "$(id -u)" -eq 0 ]; then
	mkdir "$work/full" && mount -t tmpfs -o size=100m none "$work/full"
	$bin/rehome build -q -o "$work/full/pair" small >"$work/out" 2>&1
	status=$?
	if [ $status -eq 1 ] && grep -q 'MiB free, the pair needs' "$work/out" && [ -z "$(ls -A "$work/full")" ]; then
		ok full-disk
	else
		not_ok full-disk "status $status: $(cat "$work/out"); $(ls -A "$work/full")"
	fi
	umount "$work/full"
else
	echo "skip full-disk: only root can mount a small file system"
fi
done_testing
