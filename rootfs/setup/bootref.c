// SPDX-License-Identifier: GPL-2.0-or-later
/* The reference of what starts the machine; the contract is in esp.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/file.h"
#include "lib/digest.h"
#include "rootfs/setup/change.h"
#include "rootfs/setup/esp.h"
#include "rootfs/setup/state.h"

#define FILE_MAX (16u << 20)
#define EARLY	 "/usr/share/rehome/grub-early.cfg"
#define BOOT_IMG "/usr/lib/grub/i386-pc/boot.img"
#define CORE	 "/run/rehome/core.img"
#define LENGTH	 RH_BOOT_AREA " length" /* a number in the place of a digest */
#define NOTED	 RH_PATH_STATE "/boot-written"

/* The removable path must work with empty NVRAM; Debian's signed GRUB reads its own folder too. */
static const struct {
	const char *path, *source;
} sources[] = {
    {"EFI/BOOT/mmx64.efi", "/usr/lib/shim/mmx64.efi.signed"},
    {"EFI/BOOT/grubx64.efi", "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"},
    {"EFI/BOOT/grub.cfg", EARLY},
    {"EFI/BOOT/BOOTX64.EFI", "/usr/lib/shim/shimx64.efi.signed"},
    {"EFI/debian/mmx64.efi", "/usr/lib/shim/mmx64.efi.signed"},
    {"EFI/debian/grubx64.efi", "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"},
    {"EFI/debian/grub.cfg", EARLY},
    {"EFI/debian/shimx64.efi", "/usr/lib/shim/shimx64.efi.signed"},
};
#define N_SOURCES (sizeof sources / sizeof *sources)

static void digest_of(const void *data, size_t n, char hex[RH_SHA256_HEX])
{
	struct rh_digest *d = rh_digest_new();

	rh_digest_data(d, data, n);
	rh_digest_final(&d, hex);
}

/* "DIGEST  PATH" lines. */
static const char *noted(struct rh_arena *arena, const struct rh_str *text, const char *path)
{
	const char *p = rh_str_text(text);

	while (*p) {
		size_t n = strcspn(p, "\n");

		if (n > 66 && n - 66 == strlen(path) && !strncmp(p + 66, path, n - 66))
			return rh_arena_strndup(arena, p, 64);
		p += n + (p[n] == '\n');
	}
	return "";
}

static int take(struct rh_setup *s, struct rh_boot_reference *ref, const struct rh_str *notes,
		const char *path, const char *source, struct rh_boot_file *out, struct rh_err *err)
{
	RH_STR struct rh_str data = {0};
	char hex[RH_SHA256_HEX];
	uint8_t *copy;
	int r = rh_file_read(s->root, rh_rel(source), FILE_MAX, &data, err);

	if (r >= 0 && data.len == 0)
		r = rh_err_set(err, EINVAL, "%s is empty", source);
	if (r < 0)
		return r;
	copy = rh_arena_alloc(ref->arena, data.len);
	memcpy(copy, data.data, data.len);
	digest_of(copy, data.len, hex);
	*out = (struct rh_boot_file){.path = path,
				     .data = copy,
				     .len = data.len,
				     .digest = rh_arena_strdup(ref->arena, hex),
				     .written = noted(ref->arena, notes, path)};
	return 0;
}

static int make_core(struct rh_setup *s, struct rh_err *err)
{
	int r = rh_mkdirs(s->root, "run/rehome", 0755, err);

	if (r >= 0)
		r = rh_setup_run(s, NULL, err,
				 s->foreign ? "grub-core" : "/usr/lib/rehome/grub-core",
				 rh_setup_path(s, CORE), rh_setup_path(s, EARLY), NULL);
	return r > 0 ? rh_err_set(err, ENOTSUP, "no program may be run here") : r;
}

int rh_boot_reference_load(struct rh_setup *s, struct rh_boot_reference *ref, struct rh_err *err)
{
	RH_STR struct rh_str notes = {0};
	struct rh_boot_file boot;
	int r = 0;

	*ref = (struct rh_boot_reference){.arena = rh_arena_new(), .n = N_SOURCES};
	ref->files = rh_arena_alloc(ref->arena, N_SOURCES * sizeof *ref->files);
	if (rh_exists(s->root, rh_rel(NOTED)))
		r = rh_file_read(s->root, rh_rel(NOTED), 1 << 16, &notes, err);
	for (size_t i = 0; r >= 0 && i < N_SOURCES; i++)
		r = take(s, ref, &notes, sources[i].path, sources[i].source, &ref->files[i], err);
	if (r >= 0)
		r = take(s, ref, &notes, RH_BOOT_AREA, BOOT_IMG, &boot, err);
	if (r >= 0 && boot.len != 512)
		r = rh_err_set(err, EINVAL, BOOT_IMG " is not a boot sector");
	if (r >= 0)
		r = make_core(s, err);
	if (r >= 0)
		r = take(s, ref, &notes, RH_BOOT_AREA, CORE, &ref->area, err);
	ref->area.written_len = strtoul(noted(ref->arena, &notes, LENGTH), NULL, 10);
	if (r >= 0)
		ref->boot = boot.data;
	return rh_err_prefix(err, r < 0 ? r : 0, "what starts the machine");
}

void rh_boot_reference_free(struct rh_boot_reference *ref)
{
	rh_arena_free(&ref->arena);
}

int rh_boot_reference_note(struct rh_setup *s, const struct rh_boot_reference *ref,
			   struct rh_err *err)
{
	const struct rh_target t = {.path = NOTED, .mode = 0644};
	RH_STR struct rh_str text = {0};
	int r;

	for (size_t i = 0; i < ref->n; i++)
		rh_str_addf(&text, "%s  %s\n", ref->files[i].digest, ref->files[i].path);
	rh_str_addf(&text, "%s  %s\n", ref->area.digest, ref->area.path);
	rh_str_addf(&text, "%064zu  " LENGTH "\n", ref->area.len);
	r = rh_change_file(s, &t, text.data, text.len, err);
	return r < 0 ? r : 0;
}
