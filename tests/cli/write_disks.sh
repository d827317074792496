#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# rehome write and rehome verify onto sound disks: every byte, stale signatures, going on, JSON.
. "$(dirname "$0")/write.inc"

pair "$work/pair" || skip_all "no room for a pair"
size=$((160 * 1048576))

# --- disks full of old data, larger than the pair ---
junk "$work/a" 160
junk "$work/b" 160
# What could fight with ours: LVM behind the image's end, md 1.0 and a backup GPT at the disk's end.
if command -v mkfs.ext4 >/dev/null; then
	mkfs.ext4 -q -F -E offset=$((120 * 1048576)) "$work/b" 20M
fi
table() { printf 'label: gpt\nstart=2048, size=100000\nstart=245760, size=40960\n' | sfdisk -q "$1" >/dev/null 2>&1; }
if command -v sfdisk >/dev/null && table "$work/b"; then tables=yes; else tables=; fi
loop A "$work/a"
loop B "$work/b"
check writes_over_old_data status 0 put "$work/pair" "$A" "$B"
check says_read_back says 'read back, no difference'
check a_holds_every_byte holds "$A" "$work/pair/a.img"
check b_holds_every_byte holds "$B" "$work/pair/b.img"
tail_clear() { cmp -n 4194304 -i $((size - 4194304)):0 "$1" /dev/zero; }
check clears_end_of_a tail_clear "$A"
check clears_end_of_b tail_clear "$B"
if [ "$tables" ]; then
	quiet() { [ -z "$(blkid -p -o value -s TYPE -O $((120 * 1048576)) "$B" 2>/dev/null)" ]; }
	check clears_filesystem_behind_the_image quiet
	named() { grep -q 'clearing.*ext4' "$work/out"; }
	check names_what_it_clears named
else
	echo "skip clears_filesystem_behind_the_image: no sfdisk"
fi

# --- verify later ---
check verify_finds_pair_by_itself status 0 rehome verify -q "$A" "$B"
check verify_says_members says 'holds disk b'
check verify_takes_pair status 0 rehome verify -q --pair "$work/pair" "$B"
other() { XDG_STATE_HOME=$work/other rehome verify -q "$@"; }
check verify_without_notes status 1 other "$A"
check verify_asks_for_pair says '--pair PAIR'
check verify_finds_members_by_content status 0 other --pair "$work/pair" "$B" "$A"
unloop "$A"
poke "$work/a" 70000001 'x' # in data
loop A "$work/a"
check verify_finds_flipped_byte status 1 other --pair "$work/pair" "$A" "$B"
check verify_names_offset says 70000001
check verify_names_serial says "$(serial "$A")"
unloop "$B"
poke "$work/b" $((60 * 1048576 + 5)) 'x' # in a hole
loop B "$work/b"
check verify_finds_byte_in_hole status 1 rehome verify -q --json --pair "$work/pair" "$B"
check verify_names_offset_in_json says "\"error_at\":$((60 * 1048576 + 5))"

# --- again: nothing is trusted that was found to differ ---
check writes_again status 0 put "$work/pair" "$A" "$B"
check a_again holds "$A" "$work/pair/a.img"
check b_again holds "$B" "$work/pair/b.img"

# --- disks of exactly the pair's size, and of an odd size ---
junk "$work/c" $PAIR_MIB
junk "$work/d" $PAIR_MIB
printf '%512s' ' ' >>"$work/d"
loop C "$work/c"
loop D "$work/d"
check writes_exact_size status 0 put "$work/pair" "$C" "$D"
check exact_holds holds "$C" "$work/pair/a.img"
check odd_holds holds "$D" "$work/pair/b.img"

# --- for programs ---
json() {
	"$REHOME" write -q --json --progress-fd 3 --no-verify --restart --allow-loop --yes-erase "$(serial "$C")" \
		--yes-erase "$(serial "$D")" "$work/pair" "$C" "$D" 3>"$work/progress" >"$work/out" 2>"$work/err"
}
check writes_json status 0 json
check json_ok says '"ok":true'
check json_not_verified says '"verified":false'
if command -v python3 >/dev/null; then
	check json_parses python3 -c 'import json,sys; d = json.load(open(sys.argv[1])); assert len(d["disks"]) == 2 and d["disks"][1]["member"] == "b" and d["disks"][0]["bootable"]
for l in open(sys.argv[2]): json.loads(l)' "$work/out" "$work/progress"
fi
check progress_has_steps grep -q '"step":"write"' "$work/progress"
peak() { [ "$(sed -n 's/.*"peak_mib":\([0-9]*\).*/\1/p' "$work/out")" -le 64 ]; }
check memory_is_bounded peak
finish
