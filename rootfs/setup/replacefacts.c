// SPDX-License-Identifier: GPL-2.0-or-later
/* What lies on the disks and who uses them; the contract is in replace.h. Only reads. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "rootfs/setup/replace.h"

static int read_text(int root, const char *path, struct rh_str *out)
{
	RH_CLOSE int fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	char buf[4096];
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf, sizeof buf)) > 0)
		rh_str_addn(out, buf, (size_t)n);
	return n < 0 ? -errno : 0;
}

static int read_table(int root, const struct rh_disk *disk, struct rh_gpt *out, struct rh_err *err)
{
	RH_FREE char *path = rh_xasprintf("dev/%s", disk->name);
	RH_CLOSE int fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	uint8_t bytes[RH_GPT_FIRST_BYTES];
	struct rh_diags d = {0};
	int r;

	if (fd < 0)
		return rh_err_errno(err, errno, "cannot open /%s", path);
	if (pread(fd, bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return rh_err_set(err, EIO, "cannot read /%s", path);
	r = rh_gpt_decode_primary(bytes, disk->sectors, path, out, &d);
	if (r < 0)
		rh_err_set(err, EINVAL, "/%s: %s", path, d.n ? d.v[0].text : "no partition table");
	rh_diags_free(&d);
	return r;
}

/* --- use --- */

static void add_use(struct rh_str *out, const char *what, const char *name)
{
	rh_str_addf(out, "%s%s %s", out->len ? ", " : "", what, name);
}

/* "8:17" of a disk or partition. */
static bool mounted(const struct rh_str *mountinfo, const char *dev)
{
	const char *p = rh_str_text(mountinfo);

	/* ID PARENT MAJOR:MINOR … (proc_pid_mountinfo(5)) */
	while (*p) {
		const char *field = p + strcspn(p, " \n");

		field += *field == ' ';
		field += strcspn(field, " \n");
		field += *field == ' ';
		if (*dev && !strncmp(field, dev, strlen(dev)) && field[strlen(dev)] == ' ')
			return true;
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return false;
}

static bool is_ours(const struct rh_pair *p, const char *node)
{
	return !strcmp(node, p->array[0]->node) || !strcmp(node, p->array[1]->node);
}

static void look_at(struct rh_setup *s, const struct rh_pair *p, const char *dir, const char *name,
		    const struct rh_str *mountinfo, const struct rh_str *swaps, struct rh_str *use,
		    struct rh_str *stop)
{
	RH_FREE char *holders = rh_xasprintf("sys/block/%s/holders", dir);
	RH_FREE char *dev = rh_xasprintf("sys/block/%s/dev", dir);
	RH_FREE char *node = rh_xasprintf("/dev/%s ", name);
	RH_STR struct rh_str number = {0};
	RH_STRV struct rh_strv names = {0};

	if (read_text(s->root, dev, &number) == 0 && number.len) {
		number.data[strcspn(number.data, "\n")] = '\0';
		if (mounted(mountinfo, number.data))
			add_use(use, "mounted:", name);
	}
	if (strstr(rh_str_text(swaps), node))
		add_use(use, "swap space:", name);
	if (rh_list_dir(s->root, holders, &names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		RH_FREE char *state = rh_xasprintf("sys/block/%s/md/array_state", names.v[i]);
		RH_STR struct rh_str text = {0};

		if (is_ours(p, names.v[i]))
			continue;
		if (read_text(s->root, state, &text) == 0 && text.len &&
		    !strncmp(text.data, "inactive", 8) && !stop->len)
			rh_str_add(stop, names.v[i]);
		else if (!stop->len || strcmp(stop->data, names.v[i]) != 0)
			add_use(use, "used by", names.v[i]);
	}
}

/* --- content --- */

/* Every signature that libblkid knows, not only the first, of one device. */
static int signatures(struct rh_setup *s, const char *name, struct rh_str *out, struct rh_err *err)
{
	RH_FREE char *dev = rh_xasprintf("/dev/%s", name);
	RH_STR struct rh_str text = {0};
	char *rest, *line;
	int r = rh_setup_run(s, &text, err, "wipefs", "--noheadings", "--output", "TYPE,LABEL",
			     rh_setup_path(s, dev), NULL);

	for (rest = text.data; r == 0 && rest && (line = strsep(&rest, "\n"));) {
		line += strspn(line, " ");
		if (*line)
			rh_str_addf(out, "%s%s on %s", out->len ? ", " : "", line, name);
	}
	return r < 0 ? rh_err_prefix(err, r, "cannot look at what lies on %s", dev) : 0;
}

static int look_at_disk(struct rh_setup *s, struct rh_replace *rep, struct rh_replace_facts *f,
			struct rh_err *err)
{
	RH_STR struct rh_str mountinfo = {0}, swaps = {0}, use = {0}, stop = {0}, holds = {0};
	const struct rh_disk *disk = f->d->disk;
	int r = 0;

	(void)read_text(s->root, "proc/self/mountinfo", &mountinfo);
	(void)read_text(s->root, "proc/swaps", &swaps);
	f->has_table = read_table(s->root, disk, &f->table, NULL) == 0;
	look_at(s, rep->pair, disk->name, disk->name, &mountinfo, &swaps, &use, &stop);
	r = signatures(s, disk->name, &holds, err);
	for (size_t i = 0; r == 0 && i < disk->n_parts; i++) {
		RH_FREE char *dir = rh_xasprintf("%s/%s", disk->name, disk->parts[i].name);

		/* fstab mounts either ESP: that of an unfinished disk as well, and it may stay. */
		if (disk->parts[i].number != 2 || !f->has_table ||
		    !rh_replace_is_unfinished(&f->table, &rep->old_table))
			look_at(s, rep->pair, dir, disk->parts[i].name, &mountinfo, &swaps, &use,
				&stop);
		r = signatures(s, disk->parts[i].name, &holds, err);
	}
	if (f->has_table && !holds.len)
		rh_str_add(&holds, "a partition table");
	for (int k = 0; k < RH_PAIR_ARRAYS; k++)
		if (f->d->on[k].there)
			rh_str_addf(&holds, "%sa member of array %s on %s", holds.len ? ", " : "",
				    rep->pair->array[k]->name, f->d->on[k].device);
	f->holds = rh_arena_strdup(rep->arena, rh_str_text(&holds));
	f->in_use = rh_arena_strdup(rep->arena, rh_str_text(&use));
	f->stop = rh_arena_strdup(rep->arena, rh_str_text(&stop));
	return r;
}

int rh_replace_facts(struct rh_setup *s, struct rh_pair *p, struct rh_replace *out,
		     struct rh_err *err)
{
	int r = 0;

	*out = (struct rh_replace){.arena = rh_arena_new(), .pair = p};
	for (size_t i = 0; i < p->n; i++) {
		const struct rh_pair_disk *d = &p->v[i];

		/* With two that work, the one that is not new: which is the new one, its marker or
		 * the serial will tell. */
		if (d->on[0].there && d->on[0].what == RH_PAIR_WORKS && d->on[1].there &&
		    d->on[1].what == RH_PAIR_WORKS) {
			struct rh_gpt t;

			if (read_table(s->root, d->disk, &t, err) < 0 ||
			    (out->old && rh_gpt_has_name(&t.entries[3], RH_REPLACE_UNFINISHED)))
				continue;
			if (out->old &&
			    !rh_gpt_has_name(&out->old_table.entries[3], RH_REPLACE_UNFINISHED))
				continue;
			out->old = d;
			out->old_table = t;
		}
	}
	if (!out->old)
		return rh_err_set(err, ENODEV,
				  "no disk works in both arrays and has a partition table: look "
				  "with rehome-setup pair, and do not erase anything");
	out->v = rh_arena_alloc(out->arena, (p->n + 1) * sizeof *out->v);
	for (size_t i = 0; r >= 0 && i < p->n; i++) {
		if (&p->v[i] == out->old)
			continue;
		out->v[out->n].d = &p->v[i];
		r = look_at_disk(s, out, &out->v[out->n], err);
		out->n++;
	}
	return r < 0 ? r : 0;
}

void rh_replace_free(struct rh_replace *r)
{
	rh_arena_free(&r->arena);
	*r = (struct rh_replace){0};
}
