# SPDX-License-Identifier: GPL-2.0-or-later
PROGRAMS += $(BUILD)/bin/rehome-import
GUEST_PROGRAMS += $(BUILD)/bin/rehome-import
MAN_PAGES += rootfs/import/rehome-import.1

# The client library is needed by one file only.
$(BUILD)/obj/rootfs/import/accounts_db.o: BASE_CFLAGS += $(call pkg_cflags,libmariadb)
$(eval $(call program,$(BUILD)/bin/rehome-import,$(call objs,$(wildcard rootfs/import/*.c)) $(BUILD)/libmail.a $(LIBRH) $(LIBCORE),$(call pkg_libs,libmariadb json-c libcrypto) -lpthread))
CHECK_SCRIPTS += $(wildcard tests/cli/import_*.sh)
