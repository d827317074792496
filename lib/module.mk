# SPDX-License-Identifier: GPL-2.0-or-later
# What needs JSON or OpenSSL.
LIBRH := $(BUILD)/librh.a
$(LIBRH): $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard lib/*.c))
	@rm -f $@
	ar rcs $@ $^
LIBRH_LIBS = $(LIBRH) $(LIBCORE) $(call pkg_libs,json-c libcrypto)
