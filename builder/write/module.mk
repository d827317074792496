# SPDX-License-Identifier: GPL-2.0-or-later
# Writing a pair to disks: used by `rehome write` and by the stick, so it knows neither libguestfs
# nor the rest of the builder.
$(LIBWRITE): $(call objs,$(wildcard builder/write/*.c))
	@rm -f $@
	ar rcs $@ $^
