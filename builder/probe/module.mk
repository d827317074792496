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

include tests/fixtures/oldserver/module.mk
