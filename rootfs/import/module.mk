# SPDX-License-Identifier: GPL-2.0-or-later
PROGRAMS += $(BUILD)/bin/rehome-import
GUEST_PROGRAMS += $(BUILD)/bin/rehome-import
MAN_PAGES += rootfs/import/rehome-import.1

# The client library is needed by one file only.
$(BUILD)/obj/rootfs/import/accounts_db.o: BASE_CFLAGS += $(call pkg_cflags,libmariadb)
$(eval $(call program,$(BUILD)/bin/rehome-import,$(call objs,$(wildcard rootfs/import/*.c)) $(BUILD)/libmail.a $(LIBRH) $(LIBCORE),$(call pkg_libs,libmariadb json-c libcrypto) -lpthread))

IMPORT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_import_*.c))
$(IMPORT_TESTS): $(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(call objs,$(filter-out %/main.c,$(wildcard rootfs/import/*.c))) $(BUILD)/libmail.a $(LIBRH) $(LIBCORE)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(EXTRA_LDFLAGS) -o $@ $^ $(call pkg_libs,libmariadb json-c libcrypto cmocka) -lpthread
UNIT_TESTS += $(IMPORT_TESTS)
CHECK_SCRIPTS += $(wildcard tests/cli/import_*.sh)
