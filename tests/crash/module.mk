# SPDX-License-Identifier: GPL-2.0-or-later
# The honest power cut: an nbdkit plugin, and its model's unit test.
POWERCUT := $(BUILD)/tests/nbdkit-powercut-plugin.so
POWERCUT_SRC := tests/crash/powercut.c tests/crash/cutlog.c
# Never with sanitizers: their libraries would have to be in nbdkit itself.
$(POWERCUT): $(POWERCUT_SRC) tests/crash/cutlog.h
	@mkdir -p $(@D)
	$(CC) $(filter-out -fsanitize% -fno-sanitize%,$(BASE_CFLAGS)) $(CFLAGS) -fPIC -shared -o $@ $(POWERCUT_SRC) $(call pkg_cflags,nbdkit) -lpthread

$(BUILD)/tests/test_cutlog: $(call objs,tests/crash/test_cutlog.c tests/crash/cutlog.c)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(EXTRA_LDFLAGS) -o $@ $^ $(call pkg_libs,cmocka)
UNIT_TESTS += $(BUILD)/tests/test_cutlog
CHECK_SCRIPTS += tests/crash/powercut.sh
check test: $(POWERCUT)
