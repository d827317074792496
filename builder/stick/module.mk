# SPDX-License-Identifier: GPL-2.0-or-later
# What runs on the target is in builder/stick, and so is the archive that travels there: the builder
# links what it needs of it.
$(LIBSTICK): $(call objs,$(filter-out builder/stick/main.c,$(wildcard builder/stick/*.c)))
	@rm -f $@
	ar rcs $@ $^
MAN_PAGES += $(wildcard builder/stick/*.[15])
