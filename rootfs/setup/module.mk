# SPDX-License-Identifier: GPL-2.0-or-later
# rehome-setup: runs in the appliance; built on the workstation for its tests.
SETUP_OBJS := $(call objs,$(wildcard rootfs/setup/*.c))
SETUP_LIB_OBJS := $(filter-out %/main.o $(BUILD)/obj/rootfs/setup/cmd_%.o,$(SETUP_OBJS))
SETUP_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_setup_*.c))

$(eval $(call program,$(BUILD)/bin/rehome-setup,$(SETUP_OBJS) $(LIBRH) $(LIBCORE),$$(LIBRH_LIBS)))
$(SETUP_TESTS): $(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(SETUP_LIB_OBJS) $(LIBRH) $(LIBCORE)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(EXTRA_LDFLAGS) -o $@ $^ $(LIBRH_LIBS) $(call pkg_libs,cmocka)

PROGRAMS += $(BUILD)/bin/rehome-setup
GUEST_PROGRAMS += $(BUILD)/bin/rehome-setup
UNIT_TESTS += $(SETUP_TESTS)
CHECK_SCRIPTS += $(wildcard tests/cli/setup_*.sh)
MAN_PAGES += rootfs/setup/rehome-setup.1 rootfs/setup/rehome-answers.5
