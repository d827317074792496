# SPDX-License-Identifier: GPL-2.0-or-later
PROGRAMS += $(BUILD)/bin/rh-sandbox
$(eval $(call program,$(BUILD)/bin/rh-sandbox,$(call objs,$(wildcard builder/sandbox/*.c)) $(LIBCORE),$$(call pkg_libs,libarchive)))
MAN_PAGES += builder/sandbox/rh-sandbox.1
