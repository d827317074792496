// SPDX-License-Identifier: GPL-2.0-or-later
/* Marking the new region; the contract is in growmark.h. */
#include "rootfs/setup/growmark.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "rootfs/setup/change.h"

#define SECTOR	 512u
#define NOTE_MAX 64

int rh_growmark_begin(struct rh_setup *s, const struct rh_array *pv, struct rh_err *err)
{
	const struct rh_target t = {.path = RH_PATH_GROWING, .mode = 0600};
	RH_FREE char *text = rh_xasprintf("%" PRIu64 "\n", pv->component);
	int r = 0;

	if (!rh_exists(s->root, rh_rel(RH_PATH_STATE)))
		r = rh_mkdirs(s->root, rh_rel(RH_PATH_STATE), 0755, err);
	if (r >= 0)
		r = rh_change_file(s, &t, text, strlen(text), err);
	return r < 0 ? r : 0;
}

/* Bytes that one bit of the bitmap stands for; 0: the array has no bitmap. */
static int read_chunk(struct rh_setup *s, const char *node, uint64_t *chunk, struct rh_err *err)
{
	RH_FREE char *path = rh_xasprintf("sys/block/%s/md/bitmap/chunksize", node);
	char text[NOTE_MAX] = "";
	RH_CLOSE int fd = openat(s->root, path, O_RDONLY | O_CLOEXEC);

	*chunk = 0;
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || read(fd, text, sizeof text - 1) < 0)
		return rh_err_errno(err, errno, "cannot read /%s", path);
	*chunk = strtoull(text, NULL, 10);
	return 0;
}

/* TEXT into FILE of the array NODE in sysfs; a negative errno. */
static int put(struct rh_setup *s, const char *node, const char *file, const char *text)
{
	RH_FREE char *path = rh_xasprintf("sys/block/%s/md/%s", node, file);
	RH_CLOSE int fd = openat(s->root, path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* FROM and END in sectors of the component. "frozen" stops the resync and keeps the kernel from
 * beginning it; then the bits, which are written before the call returns and move the place where a
 * resync begins back to the first of them (bitmap_store() in drivers/md/md.c); "resync" lets it go
 * on from there (action_store()). Bits set under a running resync would be forgotten at its end. */
static int set_bits(struct rh_setup *s, const char *node, uint64_t from, uint64_t end,
		    struct rh_err *err)
{
	RH_FREE char *text = NULL;
	uint64_t chunk, sectors;
	int go, r = read_chunk(s, node, &chunk, err);

	if (r < 0 || chunk < SECTOR)
		return r;
	sectors = chunk / SECTOR;
	text = rh_xasprintf("%" PRIu64 "-%" PRIu64 "\n", from / sectors, (end - 1) / sectors);
	rh_change_point(s);
	r = put(s, node, "sync_action", "frozen\n");
	if (r == 0)
		r = put(s, node, "bitmap_set_bits", text);
	go = put(s, node, "sync_action", "resync\n");
	if (r == 0)
		r = go;
	return r < 0 ? rh_err_errno(err, -r, "/sys/block/%s/md", node) : 0;
}

int rh_growmark_end(struct rh_setup *s, const struct rh_array *pv, struct rh_err *err)
{
	RH_STR struct rh_str text = {0};
	uint64_t old;
	int r = 0;

	if (!pv->found || !rh_exists(s->root, rh_rel(RH_PATH_GROWING)))
		return 0;
	r = rh_file_read(s->root, rh_rel(RH_PATH_GROWING), NOTE_MAX, &text, err);
	if (r < 0)
		return r;
	/* A note that a cut left empty cannot be: it is written by rename. */
	old = strtoull(rh_str_text(&text), NULL, 10);
	if (pv->component > old)
		r = set_bits(s, pv->node, old, pv->component, err);
	if (r >= 0)
		r = rh_change_remove(s, RH_PATH_GROWING, err);
	return r < 0 ? rh_err_prefix(err, r, "cannot mark the new region for its copy") : 1;
}
