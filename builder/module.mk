# SPDX-License-Identifier: GPL-2.0-or-later
BUILDER_OBJS := $(call objs,$(filter-out builder/main.c,$(wildcard builder/*.c)))
BUILDER_LIBS = $(LIBRH_LIBS) $(call pkg_libs,libarchive libguestfs libcurl zlib libzstd) $(WRITE_LIBS) -lpthread
LIBSTICK := $(BUILD)/libstick.a	# builder/stick/module.mk makes it
LIBWRITE := $(BUILD)/libwrite.a	# and builder/write/module.mk this one
WRITE_LIBS = $(call pkg_libs,blkid mount)
PROGRAMS += $(BUILD)/bin/rehome
$(eval $(call program,$(BUILD)/bin/rehome,$(call objs,builder/main.c) $(BUILDER_OBJS) $(LIBSTICK) $(LIBWRITE) $(LIBRH) $(LIBCORE),$$(BUILDER_LIBS)))
MAN_PAGES += $(wildcard builder/*.[15])
