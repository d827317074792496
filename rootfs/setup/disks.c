// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Disks and arrays from sysfs; the contract is in disks.h.
 *
 * The trap: /dev/md/pv is udev's and may come late or be gone, and the kernel's numbers (md127)
 * say nothing. So an array is known by the name in its members' superblocks. Those are read past
 * the page cache (O_DIRECT): md writes them past it, and a cached page from boot would be old.
 */
#include "rootfs/setup/disks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/file.h"

#define ATTR_MAX 4096
#define BLOCK	 "sys/block"
#define BY_ID	 "dev/disk/by-id"
#define SECTOR	 512u

struct reading {
	int root;
	struct rh_disks *d;
};

static char *path(struct reading *r, const char *fmt, ...) RH_PRINTF(2, 3);
static char *path(struct reading *r, const char *fmt, ...)
{
	char buf[PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof buf, fmt, ap);
	va_end(ap);
	return rh_arena_strdup(r->d->arena, buf);
}

/* A sysfs attribute without blanks around it; "" when it is not there. sysfs files tell 4096 as
 * their size, so rh_file_read(), which reads files, is not for them. */
static const char *attr(struct reading *r, const char *name)
{
	RH_CLOSE int fd = openat(r->root, name, O_RDONLY | O_CLOEXEC);
	char buf[ATTR_MAX], *p = buf;
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf - 1);

	if (n <= 0)
		return "";
	while (n > 0 && strchr(" \n\t", p[n - 1]))
		n--;
	p[n] = '\0';
	p += strspn(p, " \t");
	return rh_arena_strdup(r->d->arena, p);
}

static uint64_t number(struct reading *r, const char *name)
{
	return strtoull(attr(r, name), NULL, 10);
}

/* --- disks --- */

static int by_number(const void *a, const void *b)
{
	const struct rh_partition *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static int read_parts(struct reading *r, struct rh_disk *disk, struct rh_err *err)
{
	RH_STRV struct rh_strv names = {0};
	const char *dir = path(r, BLOCK "/%s", disk->name);
	int e = rh_list_dir(r->root, dir, &names, err);

	if (e < 0)
		return e;
	disk->parts = rh_arena_alloc(r->d->arena, (names.n + 1) * sizeof *disk->parts);
	for (size_t i = 0; i < names.n; i++) {
		const char *at = path(r, "%s/%s", dir, names.v[i]);

		if (!rh_exists(r->root, path(r, "%s/partition", at)))
			continue;
		disk->parts[disk->n_parts++] = (struct rh_partition){
		    .name = rh_arena_strdup(r->d->arena, names.v[i]),
		    .number = (unsigned)number(r, path(r, "%s/partition", at)),
		    .start = number(r, path(r, "%s/start", at)),
		    .sectors = number(r, path(r, "%s/size", at)),
		};
	}
	qsort(disk->parts, disk->n_parts, sizeof *disk->parts, by_number);
	return 0;
}

/* "\x20" → " ", as udev writes what is not plain; then no blanks around it. */
static const char *unescape(struct rh_arena *arena, const char *text)
{
	char *out = rh_arena_alloc(arena, strlen(text) + 1), *p = out;

	for (; *text; text++) {
		char hex[3] = "";

		if (text[0] == '\\' && text[1] == 'x' && strlen(text) >= 4) {
			memcpy(hex, text + 2, 2);
			*p++ = (char)strtoul(hex, NULL, 16);
			text += 3;
		} else {
			*p++ = *text;
		}
	}
	while (p > out && p[-1] == ' ')
		p--;
	*p = '\0';
	return out + strspn(out, " ");
}

/* The value of "E:KEY=…" in udev's database entry TEXT; "" when absent. */
static const char *udev_value(struct reading *r, const char *text, const char *key)
{
	RH_FREE char *want = rh_xasprintf("E:%s=", key);
	const char *p = text;

	while (p && *p) {
		if (!strncmp(p, want, strlen(want))) {
			p += strlen(want);
			return rh_arena_strndup(r->d->arena, p, strcspn(p, "\n"));
		}
		p = strchr(p, '\n');
		p = p ? p + 1 : NULL;
	}
	return "";
}

static const char *first_of(const char *a, const char *b, const char *c)
{
	return *a ? a : *b ? b : c;
}

/* The SCSI unit serial number page: four bytes of header, then the text (SPC-4 §7.8.18). */
static const char *page_80(struct reading *r, const char *name)
{
	RH_CLOSE int fd = openat(r->root, name, O_RDONLY | O_CLOEXEC);
	char buf[256];
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf - 1);

	if (n <= 4)
		return "";
	buf[n] = '\0';
	return unescape(r->d->arena, buf + 4);
}

static void read_identity(struct reading *r, struct rh_disk *disk)
{
	const char *dir = path(r, BLOCK "/%s", disk->name);
	const char *dev = attr(r, path(r, "%s/dev", dir));
	RH_STR struct rh_str text = {0};
	const char *udev = "";

	if (rh_file_read(r->root, path(r, "run/udev/data/b%s", dev), 1 << 20, &text, NULL) == 0)
		udev = rh_str_text(&text);
	disk->serial = first_of(udev_value(r, udev, "ID_SERIAL_SHORT"),
				page_80(r, path(r, "%s/device/vpd_pg80", dir)),
				first_of(attr(r, path(r, "%s/device/serial", dir)),
					 attr(r, path(r, "%s/serial", dir)), ""));
	disk->model = first_of(unescape(r->d->arena, udev_value(r, udev, "ID_MODEL_ENC")),
			       attr(r, path(r, "%s/device/model", dir)), "");
}

/* Of the names that udev gives one disk, the one that a person can compare with the label. */
static int by_id_rank(const char *name)
{
	static const char *const kinds[] = {"ata-", "nvme-", "virtio-", "scsi-", "usb-", "wwn-"};
	int n = sizeof kinds / sizeof *kinds;

	if (!strncmp(name, "nvme-eui.", 9) || !strncmp(name, "nvme-nvme.", 10))
		return n;
	for (int i = 0; i < n; i++)
		if (!strncmp(name, kinds[i], strlen(kinds[i])))
			return i;
	return n + 1;
}

static void read_by_id(struct reading *r)
{
	RH_STRV struct rh_strv names = {0};

	if (rh_list_dir(r->root, BY_ID, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		char target[PATH_MAX];
		ssize_t n = readlinkat(r->root, path(r, BY_ID "/%s", names.v[i]), target,
				       sizeof target - 1);
		const char *slash;

		if (n <= 0)
			continue;
		target[n] = '\0';
		slash = strrchr(target, '/');
		for (size_t k = 0; k < r->d->n; k++) {
			struct rh_disk *disk = &r->d->v[k];

			if (!strcmp(disk->name, slash ? slash + 1 : target) &&
			    (!*disk->by_id || by_id_rank(names.v[i]) < by_id_rank(disk->by_id)))
				disk->by_id = rh_arena_strdup(r->d->arena, names.v[i]);
		}
	}
}

static bool is_disk(struct reading *r, const char *name)
{
	/* SCSI type 5: CD and DVD drives. */
	return rh_exists(r->root, path(r, BLOCK "/%s/device", name)) &&
	       strcmp(attr(r, path(r, BLOCK "/%s/device/type", name)), "5") != 0 &&
	       number(r, path(r, BLOCK "/%s/size", name)) > 0;
}

static int read_disks(struct reading *r, const struct rh_strv *names, struct rh_err *err)
{
	r->d->v = rh_arena_alloc(r->d->arena, (names->n + 1) * sizeof *r->d->v);
	for (size_t i = 0; i < names->n; i++) {
		struct rh_disk *disk = &r->d->v[r->d->n];
		const char *dir = path(r, BLOCK "/%s", names->v[i]);
		int e;

		if (!is_disk(r, names->v[i]))
			continue;
		r->d->n++;
		*disk = (struct rh_disk){
		    .name = rh_arena_strdup(r->d->arena, names->v[i]),
		    .by_id = "",
		    .sectors = number(r, path(r, "%s/size", dir)),
		    .block = (unsigned)number(r, path(r, "%s/queue/logical_block_size", dir)),
		    .read_only = number(r, path(r, "%s/ro", dir)) != 0,
		    .removable = number(r, path(r, "%s/removable", dir)) != 0,
		};
		read_identity(r, disk);
		e = read_parts(r, disk, err);
		if (e < 0)
			return e;
	}
	read_by_id(r);
	return 0;
}

/* --- arrays --- */

static bool has_flag(const char *list, const char *flag)
{
	size_t n = strlen(flag);

	for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',')
		if (!strncmp(p, flag, n) && (p[n] == ',' || !p[n]))
			return true;
	return false;
}

static void find_part(const struct rh_disks *d, struct rh_member *m)
{
	for (size_t i = 0; i < d->n; i++)
		for (size_t k = 0; k < d->v[i].n_parts; k++)
			if (!strcmp(d->v[i].parts[k].name, m->device)) {
				m->disk = &d->v[i];
				m->part = &d->v[i].parts[k];
			}
}

static int read_member(struct reading *r, const char *dir, const char *entry, struct rh_member *m,
		       struct rh_err *err)
{
	const char *at = path(r, "%s/%s", dir, entry), *state = attr(r, path(r, "%s/state", at));
	const char *slot = attr(r, path(r, "%s/slot", at));
	struct rh_err why = {{0}};
	int e;

	*m = (struct rh_member){
	    .device = rh_arena_strdup(r->d->arena, entry + strlen("dev-")),
	    .slot = *slot >= '0' && *slot <= '9' ? atoi(slot) : -1,
	    .size = number(r, path(r, "%s/size", at)) * 2,
	    .errors = number(r, path(r, "%s/errors", at)),
	};
	m->state = has_flag(state, "faulty")	? RH_MEMBER_FAULTY
		   : has_flag(state, "in_sync") ? RH_MEMBER_ACTIVE
		   : m->slot >= 0		? RH_MEMBER_RECOVERING
						: RH_MEMBER_SPARE;
	find_part(r->d, m);
	if (!m->part)
		return 0;
	e = rh_disks_read_super(r->root, m->part, &m->super, &why);
	m->has_super = e == 0;
	/* Not being allowed is our fault; anything else is the member's, and no reason to stop. */
	return e == -EACCES || e == -EPERM ? rh_err_set(err, -e, "%s", why.text) : 0;
}

static int read_array(struct reading *r, const char *node, struct rh_array *a, struct rh_err *err)
{
	RH_STRV struct rh_strv names = {0};
	const char *dir = path(r, BLOCK "/%s/md", node);
	const char *resync = attr(r, path(r, "%s/resync_start", dir));
	int e = rh_list_dir(r->root, dir, &names, err);

	*a = (struct rh_array){
	    .name = "",
	    .rival = "",
	    .node = rh_arena_strdup(r->d->arena, node),
	    .state = attr(r, path(r, "%s/array_state", dir)),
	    .action = attr(r, path(r, "%s/sync_action", dir)),
	    .slots = (unsigned)number(r, path(r, "%s/raid_disks", dir)),
	    .degraded = (unsigned)number(r, path(r, "%s/degraded", dir)),
	    .component = number(r, path(r, "%s/component_size", dir)) * 2,
	    .sectors = number(r, path(r, BLOCK "/%s/size", node)),
	    .resync_start =
		*resync >= '0' && *resync <= '9' ? strtoull(resync, NULL, 10) : RH_MDSUPER_END,
	};
	for (size_t i = 0; e == 0 && i < names.n && a->n_members < RH_ARRAY_MEMBERS; i++) {
		struct rh_member *m = &a->members[a->n_members];

		if (strncmp(names.v[i], "dev-", 4) != 0)
			continue;
		e = read_member(r, dir, names.v[i], m, err);
		a->n_members++;
		if (m->has_super && m->state != RH_MEMBER_FAULTY) {
			a->name = rh_arena_strdup(r->d->arena, m->super.name);
			a->uuid = m->super.array;
		}
	}
	return e;
}

static int read_arrays(struct reading *r, const struct rh_strv *names, struct rh_err *err)
{
	for (size_t i = 0; i < names->n; i++) {
		struct rh_array a, *into = NULL;
		int e;

		if (!rh_exists(r->root, path(r, BLOCK "/%s/md/raid_disks", names->v[i])))
			continue;
		e = read_array(r, names->v[i], &a, err);
		if (e < 0)
			return rh_err_prefix(err, e, "array %s", names->v[i]);
		if (!strcmp(a.name, "any:boot"))
			into = &r->d->boot;
		else if (!strcmp(a.name, "any:pv"))
			into = &r->d->pv;
		if (!into)
			continue;
		if (into->found) {
			into->rival = a.node;
			continue;
		}
		*into = a;
		into->found = true;
		into->name = a.name + strlen("any:");
	}
	return 0;
}

int rh_disks_read(int root, struct rh_disks **out, struct rh_err *err)
{
	RH_STRV struct rh_strv names = {0};
	struct rh_disks *d = rh_xalloc(sizeof *d);
	struct reading r = {.root = root, .d = d};
	int e = 0;

	d->arena = rh_arena_new();
	d->boot =
	    (struct rh_array){.name = "boot", .node = "", .rival = "", .state = "", .action = ""};
	d->pv = d->boot;
	d->pv.name = "pv";
	if (rh_exists(root, BLOCK))
		e = rh_list_dir(root, BLOCK, &names, err);
	if (e == 0)
		e = read_disks(&r, &names, err);
	if (e == 0)
		e = read_arrays(&r, &names, err);
	if (e < 0)
		rh_disks_free(&d);
	else
		*out = d;
	return rh_err_prefix(err, e, "cannot look at the disks");
}

void rh_disks_free(struct rh_disks **disks)
{
	if (*disks)
		rh_arena_free(&(*disks)->arena);
	free(*disks);
	*disks = NULL;
}

const struct rh_disk *rh_disks_find(const struct rh_disks *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (!strcmp(d->v[i].name, name))
			return &d->v[i];
	return NULL;
}

const struct rh_member *rh_array_on(const struct rh_array *a, const struct rh_disk *disk)
{
	for (size_t i = 0; i < a->n_members; i++)
		if (a->members[i].disk == disk)
			return &a->members[i];
	return NULL;
}

const struct rh_member *rh_array_slot(const struct rh_array *a, unsigned slot)
{
	for (size_t i = 0; i < a->n_members; i++)
		if (a->members[i].slot == (int)slot && a->members[i].state != RH_MEMBER_FAULTY)
			return &a->members[i];
	return NULL;
}

const char *rh_disk_text(const struct rh_disks *d, const struct rh_disk *disk)
{
	return rh_arena_printf(d->arena, "%s%s%s%s/dev/%s", disk->model,
			       *disk->serial ? (*disk->model ? ", serial " : "serial ") : "",
			       disk->serial, *disk->model || *disk->serial ? ", " : "", disk->name);
}

static int read_sectors(int root, const char *name, uint64_t sector, void *buf, size_t n,
			struct rh_err *err)
{
	RH_FREE char *at = rh_xasprintf("dev/%s", name);
	RH_CLOSE int fd = openat(root, at, O_RDONLY | O_DIRECT | O_CLOEXEC);
	ssize_t got;

	if (fd < 0 && errno == EINVAL) /* a file where O_DIRECT does not exist */
		fd = openat(root, at, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return rh_err_errno(err, errno, "cannot open /dev/%s", name);
	got = pread(fd, buf, n, (off_t)(sector * SECTOR));
	if (got == (ssize_t)n)
		return 0;
	return rh_err_errno(err, got < 0 ? errno : EIO, "cannot read /dev/%s", name);
}

int rh_disks_read_super(int root, const struct rh_partition *part, struct rh_mdsuper *out,
			struct rh_err *err)
{
	static const int minors[] = {2, 0};
	RH_FREE uint8_t *buf = NULL;
	int r = -ENOENT;

	if (part->sectors < 64)
		return rh_err_set(err, ENOENT, "/dev/%s: there is no md superblock", part->name);
	if (posix_memalign((void **)&buf, 4096, RH_MDSUPER_BYTES))
		abort();
	for (size_t i = 0; r == -ENOENT && i < 2; i++) {
		r = read_sectors(root, part->name, rh_mdsuper_sector(minors[i], part->sectors), buf,
				 RH_MDSUPER_BYTES, err);
		if (r < 0)
			return r;
		r = rh_mdsuper_decode(buf, minors[i], part->sectors, out, err);
	}
	return rh_err_prefix(err, r, "/dev/%s", part->name);
}
