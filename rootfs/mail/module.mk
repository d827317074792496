# SPDX-License-Identifier: GPL-2.0-or-later
# Parsers and converters of the old formats: buffer in, records out; libc and lib/core only.
LIBMAIL := $(BUILD)/libmail.a
$(LIBMAIL): $(call objs,$(wildcard rootfs/mail/*.c))
	@rm -f $@
	ar rcs $@ $^
