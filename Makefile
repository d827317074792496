# SPDX-License-Identifier: GPL-2.0-or-later
# One non-recursive make. Each folder's module.mk adds its objects and programs to the lists below.
#
#   make          host programs in build/bin      make demo   the main job, from nothing to a verdict
#   make check    unit and one-file cases         make test   everything CI runs
#   make proof    the long sweeps                 make lint   make format   make asan

BUILD ?= build
CC ?= gcc
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes
BASE_CFLAGS := -std=gnu17 $(WARN) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. -MMD -MP $(EXTRA_CFLAGS)
PKG_CONFIG ?= pkg-config

all:

# $(call pkg,NAMES): flags of pkg-config packages, looked up only when used
pkg_cflags = $(shell $(PKG_CONFIG) --cflags $(1))
pkg_libs = $(shell $(PKG_CONFIG) --libs $(1))

# $(call program,PATH,OBJECTS,LIBS): link one program
define program
$(1): $(2)
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS) $$(EXTRA_LDFLAGS) -o $$@ $(2) $(3)
endef
objs = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

PROGRAMS :=	# host programs, built by `all`
GUEST_PROGRAMS :=	# those that go into the appliance, built by `guest`
UNIT_TESTS :=	# cmocka programs, run by `check`
CHECK_SCRIPTS :=	# shell tests without root and network, run by `check`
GUEST_TESTS :=	# tests that need the image, run by `test`
MAN_PAGES :=

include lib/core/module.mk
include lib/module.mk
include $(sort $(filter-out lib/%,$(wildcard */module.mk */*/module.mk)))

all: $(PROGRAMS)
guest: $(GUEST_PROGRAMS)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) -c -o $@ $<

# --- tests ---

# What takes longer than `check` may: the scripts that stop a program at every step, those that write
# whole disks (which need root besides), and those on a faked machine with disks.
SLOW_SCRIPTS = $(filter %_crash.sh %_cut.sh tests/cli/write_% tests/cli/stick_% tests/crash/% \
	tests/cli/setup_pair.sh tests/cli/setup_replace.sh tests/cli/setup_grow.sh tests/cli/setup_esp.sh,$(CHECK_SCRIPTS))

check: all $(UNIT_TESTS)
	@tests/run.sh $(UNIT_TESTS) $(filter-out $(SLOW_SCRIPTS),$(CHECK_SCRIPTS))

# Builds the images and rehearses them; installs first what the host lacks.
test: host-setup
	@$(MAKE) --no-print-directory -s -j$$(nproc) all $(UNIT_TESTS)
	@echo "# of $(ROTATING) today: $(ROTATED) (all of them: make proof); not in here yet: $(UNTRIED)"
	@tests/run.sh $(UNIT_TESTS) $(CHECK_SCRIPTS) $(sort $(GUEST_TESTS))

asan:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)-asan CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	  EXTRA_CFLAGS='-fsanitize=address,undefined -fno-sanitize-recover=undefined' \
	  EXTRA_LDFLAGS='-fsanitize=address,undefined' check

# The sweeps that are too long for `test`: each firmware with the default recipe.
proof: host-setup all
	@tests/proof.sh

# The main job, from a fresh machine to a verdict. KEEP=1 leaves the machine running to look at.
demo: host-setup
	@$(MAKE) --no-print-directory -s -j$$(nproc) all
	@tests/demo.sh $(if $(KEEP),--keep)

host-setup:
	@builder/host-setup

C_FILES = $(shell git ls-files '*.c' '*.h')
format:
	clang-format -i $(C_FILES)

lint:
	@tests/lint.sh

clean:
	rm -rf $(BUILD)

.PHONY: all guest check test asan proof demo host-setup format lint clean
.DEFAULT_GOAL := all
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

# What goes into the appliance, as a tar: called by `rehome build` inside the build root.
PROGRAMS_TAR ?= $(BUILD)/programs.tar
guest-tar: $(GUEST_PROGRAMS)
	rm -rf $(BUILD)/dest
	install -d $(BUILD)/dest/usr/sbin $(BUILD)/dest/usr/share/man/man1 $(BUILD)/dest/usr/share/man/man5
	install -m 0755 -s $(GUEST_PROGRAMS) $(BUILD)/dest/usr/sbin/
	for f in $(wildcard rootfs/*/*.[15]); do install -m 0644 $$f $(BUILD)/dest/usr/share/man/man$${f##*.}/; done
	tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@$${SOURCE_DATE_EPOCH:-0} \
	  -C $(BUILD)/dest -cf $(PROGRAMS_TAR) usr
.PHONY: guest-tar
