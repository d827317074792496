// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mkfs.fat, mtools and mke2fs on a part of an image; the contract is in format.h.
 *
 * The kernel's vfat writes the time of the moment into each folder entry and into each file's date
 * of creation, which nothing can set afterwards; mtools write SOURCE_DATE_EPOCH. mke2fs draws the
 * seed of the folders' hashes by lot unless it is told, and takes the date from
 * E2FSPROGS_FAKE_TIME.
 */
#include "builder/format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "builder/ident.h"
#include "lib/core/proc.h"

/* Where administrators' programs are; a user's PATH often ends before it. */
#define SBIN "/usr/sbin/"

#define FAT_FIRST_DATE 315532800u /* 1980-01-01: FAT has none before */

/* FAT32 has at least 65525 clusters, or it would be taken for FAT16: up to this size (bytes) they
 * are of one sector, as in Microsoft's own table. */
#define FAT_SMALL ((uint64_t)260 << 20)

struct env {
	char *date;
	const char *v[5];
};

static void env_make(struct env *e, uint64_t epoch)
{
	if (epoch < FAT_FIRST_DATE)
		epoch = FAT_FIRST_DATE;
	e->date = rh_xasprintf("SOURCE_DATE_EPOCH=%" PRIu64, epoch);
	e->v[0] = e->date;
	e->v[1] = "TZ=UTC"; /* FAT has local times */
	e->v[2] = "MTOOLSRC=/dev/null";
	e->v[3] = "MTOOLS_SKIP_CHECK=1"; /* of a geometry that no disk has had for decades */
	e->v[4] = NULL;
}

static int call(const struct env *e, const struct rh_strv *argv, const char *input,
		struct rh_err *err)
{
	return rh_proc_run(
	    &(struct rh_proc){.argv = (const char *const *)argv->v, .env = e->v, .input = input},
	    NULL, err);
}

static int make_fat(const struct rh_format *f, const struct env *e, struct rh_err *err)
{
	RH_STRV struct rh_strv argv = {0};
	struct rh_uuid id = rh_ident(f->seed, "esp");
	const char *cluster = f->at->count * RH_SECTOR <= FAT_SMALL ? "1" : "8";

	rh_strv_add(&argv, SBIN "mkfs.fat");
	rh_strv_add(&argv, "--invariant");
	rh_strv_addf(&argv, "--offset=%" PRIu64, f->at->start);
	rh_strv_addf(&argv, "-i%02x%02x%02x%02x", id.b[0], id.b[1], id.b[2], id.b[3]);
	rh_strv_addf(&argv, "-h%" PRIu64, f->at->start);
	rh_strv_add(&argv, "-F32");
	rh_strv_addf(&argv, "-s%s", cluster);
	rh_strv_add(&argv, "-nREHOME-ESP");
	rh_strv_add(&argv, f->image);
	rh_strv_addf(&argv, "%" PRIu64, f->at->count / 2); /* in KiB */
	return call(e, &argv, NULL, err);
}

static bool listed(const struct rh_strv *l, const char *word)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i], word))
			return true;
	return false;
}

/* Every folder above a file, each once, the outer ones first. */
static int make_folders(const char *place, const struct env *e, const struct rh_extras *files,
			struct rh_err *err)
{
	RH_STRV struct rh_strv argv = {0};

	rh_strv_add(&argv, "mmd");
	rh_strv_add(&argv, "-i");
	rh_strv_add(&argv, place);
	for (size_t i = 0; i < files->n; i++)
		for (const char *p = files->v[i].path; (p = strchr(p, '/')); p++) {
			RH_FREE char *dir =
			    rh_xasprintf("::%.*s", (int)(p - files->v[i].path), files->v[i].path);

			if (!listed(&argv, dir))
				rh_strv_add(&argv, dir);
		}
	return argv.n == 3 ? 0 : call(e, &argv, NULL, err);
}

static int copy_file(const char *place, const struct env *e, const struct rh_extra *x,
		     struct rh_err *err)
{
	RH_STRV struct rh_strv argv = {0};
	int r;

	rh_strv_add(&argv, "mcopy");
	rh_strv_add(&argv, "-i");
	rh_strv_add(&argv, place);
	rh_strv_add(&argv, x->source ? x->source : "-");
	rh_strv_addf(&argv, "::%s", x->path);
	r = call(e, &argv, x->text, err);
	return rh_err_prefix(err, r, "%s", x->path);
}

int rh_format_esp(const struct rh_format *f, const struct rh_extras *files, struct rh_err *err)
{
	RH_FREE char *place =
	    rh_xasprintf("%s@@%" PRIu64, f->image, f->at->start * (uint64_t)RH_SECTOR);
	struct env e;
	int r;

	env_make(&e, f->epoch);
	r = make_fat(f, &e, err);
	if (r == 0)
		r = make_folders(place, &e, files, err);
	for (size_t i = 0; r == 0 && i < files->n; i++)
		r = copy_file(place, &e, &files->v[i], err);
	free(e.date);
	return rh_err_prefix(err, r, "EFI system partition");
}

int rh_format_boot(const struct rh_format *f, struct rh_err *err)
{
	RH_FREE char *date = rh_xasprintf("E2FSPROGS_FAKE_TIME=%" PRIu64, f->epoch);
	const char *env[] = {date, NULL};
	struct rh_uuid id = rh_ident(f->seed, "boot"), hash = rh_ident(f->seed, "boot-hash");
	char id_text[RH_UUID_TEXT], hash_text[RH_UUID_TEXT];
	RH_STRV struct rh_strv argv = {0};
	int r;

	rh_uuid_text(&id, id_text);
	rh_uuid_text(&hash, hash_text);
	rh_strv_add(&argv, SBIN "mke2fs");
	rh_strv_add(&argv, "-q");
	rh_strv_add(&argv, "-F"); /* a file is no device, and that is meant */
	rh_strv_add(&argv, "-text4");
	rh_strv_add(&argv, "-Lboot");
	rh_strv_addf(&argv, "-U%s", id_text);
	/* GRUB must read it: leave out what it learnt last or not at all. */
	rh_strv_add(&argv, "-O^metadata_csum_seed,^orphan_file");
	/* Nothing is left for the kernel to initialise later, at a time of its own. */
	rh_strv_addf(&argv,
		     "-Eoffset=%" PRIu64 ",hash_seed=%s,root_owner=0:0,nodiscard,"
		     "lazy_itable_init=0,lazy_journal_init=0",
		     f->at->start * (uint64_t)RH_SECTOR, hash_text);
	rh_strv_add(&argv, f->image);
	rh_strv_addf(&argv, "%" PRIu64 "k", f->at->count / 2);
	r = rh_proc_run(&(struct rh_proc){.argv = (const char *const *)argv.v, .env = env}, NULL,
			err);
	return rh_err_prefix(err, r, "boot filesystem");
}
