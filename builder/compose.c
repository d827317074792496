// SPDX-License-Identifier: GPL-2.0-or-later
/* What lies over the packages; the contract is in compose.h. */
#include "builder/compose.h"

#include <string.h>
#include <sys/stat.h>

#include "builder/ident.h"
#include "builder/md.h"
#include "lib/core/file.h"

#define SHARE	    "usr/share/rehome"
#define GENERATIONS 99 /* as RH_PAIR_GEN_MAX in rootfs/setup/pairplan.h */

/* --- overlays --- */

static void add_files(const struct rh_overlay *o, struct rh_extras *x)
{
	for (size_t i = 0; i < o->n_files; i++) {
		const struct rh_overlay_file *f = &o->files[i];

		/* Folders come into being with their files; those of the packages keep their modes.
		 */
		if (S_ISDIR(f->mode))
			continue;
		if (f->link)
			rh_extras_link(x, f->path, f->link);
		else
			rh_extras_file(x, f->path, f->mode & 07777, f->source);
	}
}

/* A folder of the overlay that the appliance reads; it may be absent. */
static int add_folder(const struct rh_overlay *o, const char *name, mode_t mode,
		      struct rh_extras *x, struct rh_err *err)
{
	RH_STRV struct rh_strv names = {0};
	RH_FREE char *dir = rh_xasprintf("%s/%s", o->dir, name);
	int r = 0;

	if (!rh_exists(AT_FDCWD, dir))
		return 0;
	r = rh_list_dir(AT_FDCWD, dir, &names, err);
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		RH_FREE char *path =
		    rh_xasprintf(SHARE "/overlays/%s/%s/%s", o->name, name, names.v[i]);
		RH_FREE char *source = rh_xasprintf("%s/%s", dir, names.v[i]);

		rh_extras_file(x, path, mode, source);
	}
	return r;
}

static int add_share(const struct rh_overlay *o, struct rh_extras *x, struct rh_err *err)
{
	static const struct {
		const char *name;
		mode_t mode;
	} files[] = {{"overlay.json", 0644}, {"apply", 0755}};
	int r;

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		RH_FREE char *source = rh_xasprintf("%s/%s", o->dir, files[i].name);
		RH_FREE char *path = rh_xasprintf(SHARE "/overlays/%s/%s", o->name, files[i].name);

		if (rh_exists(AT_FDCWD, source))
			rh_extras_file(x, path, files[i].mode, source);
	}
	r = add_folder(o, "templates", 0644, x, err);
	if (r == 0)
		r = add_folder(o, "health", 0755, x, err);
	return r;
}

/* --- units --- */

static const char *wants_of(const char *unit)
{
	const char *dot = strrchr(unit, '.');

	if (dot && !strcmp(dot, ".timer"))
		return "timers.target.wants";
	if (dot && !strcmp(dot, ".socket"))
		return "sockets.target.wants";
	return "multi-user.target.wants";
}

/* Does an overlay bring the unit file at DIR/UNIT? */
static bool brought(const struct rh_plan *plan, const char *dir, const char *unit)
{
	RH_FREE char *path = rh_xasprintf("%s/%s", dir, unit);

	for (size_t i = 0; i < plan->n_overlays; i++)
		for (size_t j = 0; j < plan->overlays[i].n_files; j++)
			if (!strcmp(plan->overlays[i].files[j].path, path))
				return true;
	return false;
}

static void enable_unit(const struct rh_plan *plan, const char *unit, struct rh_extras *x)
{
	RH_FREE char *path = rh_xasprintf("etc/systemd/system/%s/%s", wants_of(unit), unit);
	RH_STR struct rh_str file = {0};
	const char *at = strchr(unit, '@'), *dot = strrchr(unit, '.');
	const char *dir = "/usr/lib/systemd/system";
	RH_FREE char *target = NULL;

	if (at && dot && at < dot)
		rh_str_addf(&file, "%.*s@%s", (int)(at - unit), unit, dot);
	else
		rh_str_add(&file, unit);
	if (brought(plan, "etc/systemd/system", file.data))
		dir = "/etc/systemd/system";
	target = rh_xasprintf("%s/%s", dir, file.data);
	rh_extras_link(x, path, target);
}

/* A gated unit stays silent until rehome-setup has applied its overlay. */
static void add_units(const struct rh_plan *plan, const struct rh_overlay *o, struct rh_extras *x)
{
	RH_FREE char *gate = rh_xasprintf("# written by rehome build\n[Unit]\n"
					  "ConditionPathExists=/var/lib/rehome/applied/%s\n",
					  o->name);

	for (size_t i = 0; i < o->boot_services.n; i++)
		enable_unit(plan, o->boot_services.v[i], x);
	for (size_t i = 0; i < o->services.n; i++) {
		RH_FREE char *path =
		    rh_xasprintf("etc/systemd/system/%s.d/00-rehome-gate.conf", o->services.v[i]);

		enable_unit(plan, o->services.v[i], x);
		rh_extras_text(x, path, 0644, gate);
	}
}

/* --- files that follow from the plan --- */

static void add_growth(struct json_object *grow, const char *name, const struct rh_share *share)
{
	struct json_object *o;

	if (!share->percent)
		return;
	o = json_object_new_object();
	json_object_object_add(o, "percent", json_object_new_int((int)share->percent));
	json_object_object_add(o, "most", json_object_new_int64((int64_t)share->most));
	json_object_object_add(grow, name, o);
}

static void add_recipe(const struct rh_plan *plan, struct rh_extras *x)
{
	const struct rh_recipe *r = &plan->recipe;
	struct json_object *o = json_object_new_object(), *limits = json_object_new_object(),
			   *disk = json_object_new_object(), *grow = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(r->name));
	json_object_object_add(o, "release", json_object_new_string(r->release));
	json_object_object_add(limits, "mailbox", json_object_new_int64((int64_t)r->limit_mailbox));
	json_object_object_add(limits, "message", json_object_new_int64((int64_t)r->limit_message));
	json_object_object_add(o, "limits", limits);
	json_object_object_add(disk, "root", json_object_new_int64((int64_t)r->disk.root));
	json_object_object_add(disk, "var", json_object_new_int64((int64_t)r->disk.var));
	add_growth(grow, "root", &r->grow_root);
	add_growth(grow, "var", &r->grow_var);
	json_object_object_add(disk, "grow", grow);
	json_object_object_add(o, "disk", disk);
	rh_extras_text(x, SHARE "/recipe.json", 0644,
		       json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
	json_object_put(o);
}

static void uuid_of(const struct rh_plan *plan, const char *what, char out[RH_UUID_TEXT])
{
	struct rh_uuid u = rh_ident(plan->recipe.seed, what);

	rh_uuid_text(&u, out);
}

static void add_fstab(const struct rh_plan *plan, struct rh_extras *x)
{
	RH_STR struct rh_str s = {0};
	char boot[RH_UUID_TEXT];

	uuid_of(plan, "boot", boot);
	rh_str_add(&s, "# written by rehome build; /srv/mail is srv-mail.mount, by rehome-setup\n"
		       "/dev/mapper/rehome-root / xfs defaults 0 0\n"
		       "/dev/mapper/rehome-var /var xfs defaults 0 0\n");
	rh_str_addf(&s, "UUID=%s /boot ext4 defaults 0 2\n", boot);
	/* Either disk's copy will do, and none is needed to run. */
	rh_str_add(&s, "LABEL=REHOME-ESP /boot/efi vfat "
		       "umask=0077,nofail,x-systemd.device-timeout=5s 0 0\n");
	if (plan->recipe.disk.swap)
		rh_str_add(&s, "/dev/mapper/rehome-swap none swap nofail 0 0\n");
	rh_extras_text(x, "etc/fstab", 0644, s.data);
}

static void add_mdadm(const struct rh_plan *plan, const struct rh_layout *l, struct rh_extras *x)
{
	RH_STR struct rh_str s = {0};
	char boot_uuid[RH_UUID_TEXT], pv_uuid[RH_UUID_TEXT];
	struct rh_md boot, pv;

	rh_md_arrays(l, plan->recipe.seed, 0, &boot, &pv);
	rh_uuid_md_text(&boot.uuid, boot_uuid);
	rh_uuid_md_text(&pv.uuid, pv_uuid);
	rh_str_add(&s, "# written by rehome build\nHOMEHOST <ignore>\n");
	rh_str_addf(&s, "ARRAY /dev/md/boot metadata=1.0 UUID=%s name=%s\n", boot_uuid, boot.name);
	rh_str_addf(&s, "ARRAY /dev/md/pv metadata=1.2 UUID=%s name=%s\n", pv_uuid, pv.name);
	rh_extras_text(x, "etc/mdadm/mdadm.conf", 0644, s.data);
}

/* What the kernel is told. The consoles come last: the last one is /dev/console. */
static void command_line(const struct rh_plan *plan, const struct rh_layout *l, struct rh_str *s)
{
	struct rh_md boot, pv;
	char boot_uuid[RH_UUID_TEXT], pv_uuid[RH_UUID_TEXT];

	rh_md_arrays(l, plan->recipe.seed, 0, &boot, &pv);
	rh_uuid_md_text(&boot.uuid, boot_uuid);
	rh_uuid_md_text(&pv.uuid, pv_uuid);
	rh_str_addf(s, "rd.md.uuid=%s rd.md.uuid=%s rd.lvm.lv=rehome/root", pv_uuid, boot_uuid);
	for (size_t i = 0; i < plan->kernel_options.n; i++)
		rh_str_addf(s, " %s", plan->kernel_options.v[i]);
	rh_str_add(s, " console=tty0 console=ttyS0,115200n8");
}

static void add_grub_default(const struct rh_plan *plan, const struct rh_layout *l,
			     struct rh_extras *x)
{
	RH_STR struct rh_str s = {0};

	rh_str_add(&s, "# written by rehome build\nGRUB_DISTRIBUTOR=Rehome\nGRUB_TIMEOUT=3\n"
		       "GRUB_TERMINAL=\"console serial\"\n"
		       "GRUB_SERIAL_COMMAND=\"serial --unit=0 --speed=115200\"\n"
		       "GRUB_DISABLE_OS_PROBER=true\nGRUB_CMDLINE_LINUX_DEFAULT=\"\"\n"
		       "GRUB_CMDLINE_LINUX=\"");
	command_line(plan, l, &s);
	rh_str_add(&s, "\"\n");
	rh_extras_text(x, "etc/default/grub", 0644, s.data);
}

static int add_schema(const char *data_dir, struct rh_extras *x, struct rh_err *err)
{
	RH_FREE char *source = rh_xasprintf("%s/recipes/answers.schema.json", data_dir);
	RH_STR struct rh_str text = {0};
	int r = rh_file_read(AT_FDCWD, source, 1 << 20, &text, err);

	if (r == 0)
		rh_extras_file(x, SHARE "/answers.schema.json", 0644, source);
	return r;
}

int rh_compose(const struct rh_plan *plan, const struct rh_layout *l, const char *data_dir,
	       struct rh_extras *x, struct rh_err *err)
{
	RH_FREE char *early = rh_compose_grub_early(plan);
	RH_STR struct rh_str order = {0};
	int r = add_schema(data_dir, x, err);

	for (size_t i = 0; r == 0 && i < plan->n_overlays; i++) {
		const struct rh_overlay *o = &plan->overlays[i];

		add_files(o, x);
		add_units(plan, o, x);
		rh_str_addf(&order, "%s\n", o->name);
		r = add_share(o, x, err);
	}
	if (r < 0)
		return r;
	rh_extras_text(x, SHARE "/overlays.order", 0644, rh_str_text(&order));
	/* What the appliance makes its boot areas and ESPs from, for good. */
	rh_extras_text(x, SHARE "/grub-early.cfg", 0644, early);
	add_recipe(plan, x);
	add_fstab(plan, x);
	add_mdadm(plan, l, x);
	add_grub_default(plan, l, x);
	/* systemd makes a new identity from this at the first boot (machine-id(5)). */
	rh_extras_text(x, "etc/machine-id", 0444, "uninitialized\n");
	rh_extras_text(x, "etc/hostname", 0644, "rehome\n");
	rh_extras_text(x, "etc/hosts", 0644, "127.0.0.1 localhost\n::1 localhost\n");
	rh_extras_dir(x, "boot/efi", 0755);
	rh_extras_dir(x, "srv/mail", 0755);
	return rh_extras_sort(x, err);
}

/* --- boot --- */

void rh_compose_boot(const struct rh_plan *plan, const struct rh_layout *l, const char *kver,
		     const char *initrd, struct rh_extras *x)
{
	RH_FREE char *path = rh_xasprintf("boot/initrd.img-%s", kver);
	RH_STR struct rh_str s = {0};

	rh_extras_file(x, path, 0600, initrd);
	rh_str_add(&s, "# written by rehome build; update-grub writes a new one after a kernel "
		       "update\n"
		       "insmod part_gpt\ninsmod ext2\n"
		       "if serial --unit=0 --speed=115200; then\n"
		       "  terminal_input console serial\n  terminal_output console serial\nfi\n"
		       "set default=0\nset timeout=3\n"
		       "menuentry 'Rehome' {\n");
	rh_str_addf(&s, "  linux /vmlinuz-%s root=/dev/mapper/rehome-root ro ", kver);
	command_line(plan, l, &s);
	rh_str_addf(&s, "\n  initrd /initrd.img-%s\n}\n", kver);
	rh_extras_text(x, "boot/grub/grub.cfg", 0600, s.data);
}

/* Which /boot GRUB takes. Each disk has one, GRUB reads whichever it finds first, and md's event
 * counters mean nothing to it: a disk that comes back after a month would start the old kernel. So
 * a machine that runs with one disk leaves /boot/rehome/gen-N there, N counted up each time
 * (rehome-setup pair), and the highest number wins. Members of metadata 1.0 are plain ext4 to GRUB,
 * so they are read one by one, by their partition, not through the array. Without any number,
 * that is nearly always, the search by UUID finds either. */
char *rh_compose_grub_early(const struct rh_plan *plan)
{
	RH_STR struct rh_str s = {0};
	char uuid[RH_UUID_TEXT];

	uuid_of(plan, "boot", uuid);
	rh_str_add(&s, "set best=0\n"
		       "for d in hd0 hd1 hd2 hd3 hd4 hd5 hd6 hd7; do\n"
		       "  if [ -d ($d,gpt3)/rehome ]; then\n"
		       "    probe --set=id --fs-uuid ($d,gpt3)\n");
	rh_str_addf(&s, "    if [ \"$id\" = \"%s\" ]; then\n      for n in", uuid);
	for (int n = 1; n <= GENERATIONS; n++)
		rh_str_addf(&s, " %d", n);
	rh_str_addf(&s,
		    "; do\n"
		    "        if [ -f ($d,gpt3)/rehome/gen-$n -a $n -gt $best ]; then\n"
		    "          set best=$n\n"
		    "          set root=$d,gpt3\n"
		    "        fi\n"
		    "      done\n"
		    "    fi\n"
		    "  fi\n"
		    "done\n"
		    "if [ \"$best\" = 0 ]; then\n"
		    "  search --no-floppy --fs-uuid --set=root %s\n"
		    "fi\n"
		    "set prefix=($root)/grub\n"
		    "configfile $prefix/grub.cfg\n",
		    uuid);
	return rh_xstrdup(rh_str_text(&s));
}

int rh_compose_esp(const struct rh_plan *plan, const char *boot, struct rh_extras *x,
		   struct rh_err *err)
{
	/* The removable path must work alone, with empty NVRAM; fbx64.efi stays out of it, because
	 * it would write boot entries and reset. Debian's signed GRUB looks in EFI/debian. */
	static const char *const files[][2] = {
	    {"EFI/BOOT/BOOTX64.EFI", "shimx64.efi"},   {"EFI/BOOT/grubx64.efi", "grubx64.efi"},
	    {"EFI/BOOT/mmx64.efi", "mmx64.efi"},       {"EFI/debian/shimx64.efi", "shimx64.efi"},
	    {"EFI/debian/grubx64.efi", "grubx64.efi"}, {"EFI/debian/mmx64.efi", "mmx64.efi"},
	};
	RH_FREE char *early = rh_compose_grub_early(plan);

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		RH_FREE char *source = rh_xasprintf("%s/%s", boot, files[i][1]);

		rh_extras_file(x, files[i][0], 0644, source);
	}
	rh_extras_text(x, "EFI/BOOT/grub.cfg", 0644, early);
	rh_extras_text(x, "EFI/debian/grub.cfg", 0644, early);
	return rh_extras_sort(x, err);
}
