# SPDX-License-Identifier: GPL-2.0-or-later
# libc only: builds with musl too.
LIBCORE := $(BUILD)/libcore.a
$(LIBCORE): $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard lib/core/*.c))
	@rm -f $@
	ar rcs $@ $^
