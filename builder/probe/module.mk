# SPDX-License-Identifier: GPL-2.0-or-later
# Everything but main and the verbs is a library, for the unit tests and the old server's driver.
PROBE_LIB := $(BUILD)/libprobe.a
$(PROBE_LIB): $(call objs,$(filter-out builder/probe/main.c builder/probe/cmd%,\
	$(wildcard builder/probe/*.c)))
	@rm -f $@
	ar rcs $@ $^
PROBE_LIBS = $(PROBE_LIB) $(LIBRH_LIBS) $(call pkg_libs,libcurl)

RH_PROBE := $(BUILD)/bin/rh-probe
PROGRAMS += $(RH_PROBE)
$(RH_PROBE): $(PROBE_LIB) $(LIBRH) $(LIBCORE)
$(eval $(call program,$(RH_PROBE),\
	$(call objs,builder/probe/main.c $(wildcard builder/probe/cmd*.c)),$$(PROBE_LIBS) -lpthread))
MAN_PAGES += builder/probe/rh-probe.1

include $(wildcard tests/fixtures/oldserver/module.mk)

# $(1): name of a test program
define probe_test
$(BUILD)/tests/unit/$(1): $(PROBE_LIB) $(LIBRH) $(LIBCORE)
$(call program,$(BUILD)/tests/unit/$(1),$(call objs,tests/unit/$(1).c),$$(PROBE_LIBS) \
	$$(call pkg_libs,cmocka))
UNIT_TESTS += $(BUILD)/tests/unit/$(1)
endef
$(foreach t,test_probe_imap test_probe_compare,$(eval $(call probe_test,$(t))))
