#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# rehome write, killed at each tenth of the way and run again: no disk boots before, both are whole
# afterwards, and the second run goes on where the first was.
. "$(dirname "$0")/write.inc"

pair "$work/pair" || skip_all "no room for a pair"
end=$((PAIR_MIB * 1048576))
junk "$work/a" 128
junk "$work/b" 128
loop A "$work/a"
loop B "$work/b"

killed() { # BYTE: the run ends by SIGKILL
	status 137 env RH_STOP_AT_BYTE="$1" "$REHOME" write -q --checkpoint 4 --allow-loop --yes-erase "$(serial "$A")" \
		--yes-erase "$(serial "$B")" "$work/pair" "$A" "$B" >"$work/out" 2>&1 </dev/null
}
whole() { holds "$A" "$work/pair/a.img" && holds "$B" "$work/pair/b.img"; }
no_boot() { cmp -n 1048576 "$A" /dev/zero && cmp -n 1048576 "$B" /dev/zero; }

# --- cleared, and not a byte written: disk b still has all it had ---
cp "$work/b" "$work/before"
untouched() { cmp -n 1048576 "$A" /dev/zero && cmp "$B" "$work/before"; }
check killed_after_clearing_a killed 0
check a_is_dead_and_b_untouched untouched

# --- each tenth, from disks full of old data ---
tenth=1
while [ $tenth -le 10 ]; do
	at=$((end / 10 * tenth))
	[ $tenth -lt 10 ] || at=$end # between the backup table and the first MiB
	rm -rf "$work/state"
	for d in "$A" "$B"; do tr '\0' 'j' </dev/zero | dd of="$d" bs=1M count=128 iflag=fullblock status=none; done
	check "killed_at_tenth_$tenth" killed $at
	check "dead_after_tenth_$tenth" no_boot
	check "goes_on_after_tenth_$tenth" status 0 put "$work/pair" "$A" "$B" --checkpoint 4
	[ $tenth -lt 2 ] || check "says_where_after_tenth_$tenth" says 'going on at byte'
	check "whole_after_tenth_$tenth" whole
	tenth=$((tenth + 1))
done

# --- one run, killed again and again ---
rm -rf "$work/state"
for d in "$A" "$B"; do tr '\0' 'j' </dev/zero | dd of="$d" bs=1M count=128 iflag=fullblock status=none; done
for tenth in 1 2 3 4 5 6 7 8 9; do killed $((end / 10 * tenth)); done >/dev/null
check dead_after_nine_kills no_boot
check whole_after_nine_kills status 0 put "$work/pair" "$A" "$B"
check whole_after_nine_kills_bytes whole

# --- what must not be gone on with ---
cut_once() {
	rm -rf "$work/state"
	killed $((end / 10 * 7))
}
check cut_then_touched cut_once
poke "$A" 30000000 'touched' # before the place of either disk, in the part that is read back
check touched_disk_is_written status 0 put "$work/pair" "$A" "$B" --checkpoint 4
check says_it_has_changed says 'the disk has changed since: from the start'
check touched_disk_is_whole whole

check cut_then_exchanged cut_once
check exchanged_disks_are_written status 0 put "$work/pair" "$B" "$A" --checkpoint 4
exchanged() { holds "$B" "$work/pair/a.img" && holds "$A" "$work/pair/b.img"; }
check exchanged_disks_are_whole exchanged

check cut_then_other_pair cut_once
cp -R --sparse=always "$work/pair" "$work/pair2"
poke "$work/pair2/a.img" 9000000 'another pair'
poke "$work/pair2/b.img" 9000000 'another pair'
sums "$work/pair2"
check other_pair_is_written status 0 put "$work/pair2" "$A" "$B" --checkpoint 4
other() { holds "$A" "$work/pair2/a.img" && holds "$B" "$work/pair2/b.img" && ! says 'going on'; }
check other_pair_is_whole other

check cut_then_restart cut_once
check restart_is_written status 0 put "$work/pair" "$A" "$B" --restart
not_on() { whole && ! says 'going on'; }
check restart_begins_anew not_on

# --- Ctrl-C: orderly, both told ---
rm -rf "$work/state"
"$REHOME" write -q --checkpoint 4 --allow-loop --yes-erase "$(serial "$A")" --yes-erase "$(serial "$B")" \
	--progress-fd 3 "$work/pair" "$A" "$B" 3>"$work/progress" >"$work/out" 2>&1 </dev/null &
run=$!
while kill -0 $run 2>/dev/null && ! grep -q '"step":"write"' "$work/progress" 2>/dev/null; do sleep 0.01; done
kill -TERM $run 2>/dev/null
wait $run
got=$?
if [ $got -eq 1 ]; then
	check interrupted_tells_both says "serial $(serial "$B")"
	check interrupted_says_so says interrupted
else
	echo "skip interrupted_tells_both: the run had ended already (status $got)"
fi
check whole_after_interrupt status 0 put "$work/pair" "$A" "$B"
check whole_after_interrupt_bytes whole
finish
