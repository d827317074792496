# SPDX-License-Identifier: GPL-2.0-or-later
# Parsers and converters of the old formats: buffer in, records out; libc and lib/core only.
LIBMAIL := $(BUILD)/libmail.a
$(LIBMAIL): $(call objs,$(wildcard rootfs/mail/*.c))
	@rm -f $@
	ar rcs $@ $^

MAIL_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_mail_*.c))
$(MAIL_TESTS): $(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(LIBMAIL) $(LIBCORE)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(EXTRA_LDFLAGS) -o $@ $^ $(call pkg_libs,cmocka)
UNIT_TESTS += $(MAIL_TESTS)
