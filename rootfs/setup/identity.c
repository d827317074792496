// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The steps answers, identity, users and access: plain files, and two calls that the running system
 * needs to notice them.
 *
 * The machine-id is systemd's: the image ships "uninitialized". The root password stays locked; the
 * ssh keys of the answers are the only way in.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/file.h"
#include "rootfs/setup/change.h"
#include "rootfs/setup/netaddr.h"
#include "rootfs/setup/steps.h"

static int put(struct rh_setup *s, const char *path, mode_t mode, const struct rh_str *text,
	       struct rh_err *err)
{
	const struct rh_target t = {.path = path, .mode = mode};

	return rh_change_file(s, &t, rh_str_text(text), text->len, err);
}

int rh_step_answers(struct rh_setup *s, struct rh_err *err)
{
	const struct rh_target dir = {.path = "/etc/rehome", .mode = 0755};
	int r = rh_change_dir(s, &dir, err);

	if (r < 0)
		return r;
	return put(s, RH_PATH_ANSWERS, 0600, &s->answers_text, err);
}

static void hosts_text(const struct rh_setup *s, struct rh_str *out)
{
	const char *name = rh_answer(s, "hostname");
	char text[RH_NETADDR_TEXT] = "127.0.1.1";
	struct rh_netaddr a;

	/* With a fixed address the name means that address, so that services find what clients see.
	 */
	if (rh_netaddr_parse(rh_answer(s, "network.address"), &a) == 0)
		rh_netaddr_text(&a, false, text);
	rh_str_add(out, "# Written by rehome-setup from the site's answers.\n"
			"127.0.0.1\tlocalhost\n"
			"::1\tlocalhost ip6-localhost ip6-loopback\n");
	rh_str_addf(out, "%s\t%s %.*s\n", text, name, (int)strcspn(name, "."), name);
	rh_str_add(out, "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n");
}

/* The language's locale where the image has compiled any, else the one that is built in. */
static const char *locale_of(const struct rh_setup *s)
{
	if (!rh_exists(s->root, "usr/lib/locale/locale-archive"))
		return "C.UTF-8";
	return strcmp(rh_answer(s, "language"), "ja") ? "en_US.UTF-8" : "ja_JP.UTF-8";
}

static int set_locale(struct rh_setup *s, struct rh_err *err)
{
	RH_STR struct rh_str text = {0};
	struct stat st;
	int r;

	rh_str_addf(&text, "LANG=%s\n", locale_of(s));
	r = put(s, "/etc/locale.conf", 0644, &text, err);
	/* Debian's own place for it, in some releases a link to the other. */
	if (r >= 0 && !(fstatat(s->root, "etc/default/locale", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISLNK(st.st_mode)))
		r = put(s, "/etc/default/locale", 0644, &text, err);
	return r;
}

static int set_running_name(struct rh_setup *s, struct rh_err *err)
{
	const char *name = rh_answer(s, "hostname");
	char now[256] = "";

	if (s->foreign || s->dry_run)
		return 0;
	if (gethostname(now, sizeof now - 1) == 0 && !strcmp(now, name))
		return 0;
	rh_change_point(s);
	if (sethostname(name, strlen(name)) < 0)
		return rh_err_errno(err, errno, "cannot set the host name");
	return 1;
}

int rh_step_identity(struct rh_setup *s, struct rh_err *err)
{
	RH_STR struct rh_str name = {0}, hosts = {0};
	RH_FREE char *zone = rh_xasprintf("../usr/share/zoneinfo/%s", rh_answer(s, "timezone"));
	int r;

	rh_str_addf(&name, "%s\n", rh_answer(s, "hostname"));
	hosts_text(s, &hosts);
	r = put(s, "/etc/hostname", 0644, &name, err);
	if (r >= 0)
		r = put(s, "/etc/hosts", 0644, &hosts, err);
	if (r >= 0)
		r = set_running_name(s, err);
	if (r >= 0)
		r = rh_change_link(s, "/etc/localtime", zone, err);
	if (r >= 0)
		r = set_locale(s, err);
	return r;
}

static void sysusers_text(const struct rh_setup *s, struct rh_str *out)
{
	rh_str_add(out, "# Written by rehome-setup: the users of the overlays.\n");
	for (size_t i = 0; i < s->n_overlays; i++) {
		const struct rh_setup_overlay *o = &s->overlays[i];

		for (size_t k = 0; k < o->n_users; k++) {
			const struct rh_setup_user *u = &o->users[k];

			rh_str_addf(out, "g %s %lld\n", u->name, (long long)u->gid);
			rh_str_addf(out, "u %s %lld:%lld \"Rehome %s\" %s %s\n", u->name,
				    (long long)u->uid, (long long)u->gid, o->name, u->home,
				    u->shell);
		}
	}
}

static bool users_there(struct rh_setup *s)
{
	uid_t uid;
	gid_t gid;

	for (size_t i = 0; i < s->n_overlays; i++)
		for (size_t k = 0; k < s->overlays[i].n_users; k++) {
			const char *name = s->overlays[i].users[k].name;

			if (rh_owner_ids(s, name, name, &uid, &gid, NULL) < 0)
				return false;
		}
	return true;
}

int rh_step_users(struct rh_setup *s, struct rh_err *err)
{
	static const char path[] = "/etc/sysusers.d/rehome.conf";
	RH_STR struct rh_str text = {0};
	int r;

	sysusers_text(s, &text);
	r = put(s, path, 0644, &text, err);
	if (r < 0 || users_there(s))
		return r;
	rh_change_point(s);
	rh_change_note(s, "users");
	if (s->foreign)
		r = rh_setup_run(s, NULL, err, "systemd-sysusers",
				 rh_arena_printf(s->arena, "--root=%s", s->root_path), path, NULL);
	else
		r = rh_setup_run(s, NULL, err, "systemd-sysusers", path, NULL);
	return r < 0 ? rh_err_prefix(err, r, "cannot make the users of the overlays") : 1;
}

int rh_step_access(struct rh_setup *s, struct rh_err *err)
{
	const struct rh_target dir = {.path = "/root/.ssh", .mode = 0700};
	struct json_object *keys = rh_json_at(rh_json_root(s->answers), "admin.ssh_keys");
	RH_STR struct rh_str text = {0};
	int r = rh_change_dir(s, &dir, err);

	if (r < 0)
		return r;
	rh_str_add(&text, "# Written by rehome-setup from the site's answers.\n");
	for (size_t i = 0; i < json_object_array_length(keys); i++)
		rh_str_addf(&text, "%s\n",
			    json_object_get_string(json_object_array_get_idx(keys, i)));
	return put(s, "/root/.ssh/authorized_keys", 0600, &text, err);
}
