# SPDX-License-Identifier: GPL-2.0-or-later
# make fuzz-NAME [FUZZ_SECONDS=600]: libFuzzer with address and undefined-behaviour sanitizers; what
# it finds is added to tests/fuzz/corpus by hand. The corpora are replayed by `check`.
FUZZ_SOURCES := tests/fuzz/targets.c tests/fuzz/disks.c tests/fuzz/libfuzzer.c $(wildcard rootfs/mail/*.c) \
	lib/gpt.c lib/mdsuper.c lib/uuid.c lib/core/mem.c lib/core/diag.c lib/core/err.c
FUZZ_SECONDS ?= 60
fuzz-%:
	@mkdir -p $(BUILD)/fuzz/$*
	cp tests/fuzz/corpus/$*.* $(BUILD)/fuzz/$*/
	clang -std=gnu17 -g -O1 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. -DRH_FUZZ_TARGET='"$*"' \
	  -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -o $(BUILD)/fuzz/fuzz-$* $(FUZZ_SOURCES) -lz
	$(BUILD)/fuzz/fuzz-$* -artifact_prefix=$(BUILD)/fuzz/ -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -print_final_stats=1 $(BUILD)/fuzz/$*

$(BUILD)/tests/fuzz_replay: $(call objs,tests/fuzz/replay.c tests/fuzz/targets.c tests/fuzz/disks.c) $(LIBMAIL) $(LIBRH) $(LIBCORE)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(EXTRA_LDFLAGS) -o $@ $^ -lz
UNIT_TESTS += $(BUILD)/tests/fuzz_replay
