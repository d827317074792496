# SPDX-License-Identifier: GPL-2.0-or-later
# What runs on the target is in builder/stick, and so is the archive that travels there: the builder
# links what it needs of it.
$(LIBSTICK): $(call objs,$(filter-out builder/stick/main.c,$(wildcard builder/stick/*.c)))
	@rm -f $@
	ar rcs $@ $^
STICK_PROGRAM := $(BUILD)/bin/rehome-stick
STICK_LIBS = $(LIBRH_LIBS) $(WRITE_LIBS) $(call pkg_libs,libzstd libnewt zlib) -lpthread
$(eval $(call program,$(STICK_PROGRAM),$(call objs,builder/stick/main.c) $(LIBSTICK) $(LIBWRITE) $(LIBRH) $(LIBCORE),$$(STICK_LIBS)))
PROGRAMS += $(STICK_PROGRAM)
MAN_PAGES += $(wildcard builder/stick/*.[15])

# What goes onto the stick, as a tar: called by `rehome stick` inside the build root.
stick-tar: $(STICK_PROGRAM)
	rm -rf $(BUILD)/stick-dest
	install -d $(BUILD)/stick-dest/usr/sbin
	install -m 0755 -s $(STICK_PROGRAM) $(BUILD)/stick-dest/usr/sbin/
	tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@$${SOURCE_DATE_EPOCH:-0} \
	  -C $(BUILD)/stick-dest -cf $(PROGRAMS_TAR) usr
.PHONY: stick-tar
CHECK_SCRIPTS += $(wildcard tests/cli/stick_*.sh)
