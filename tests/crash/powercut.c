// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * nbdkit plugin: the disks of one machine, whose power can be cut.
 *
 *	nbdkit -f -U SOCKET nbdkit-powercut-plugin.so disk=a:FILE disk=b:FILE seed=7 report=FILE
 *
 * Each disk=NAME:FILE is an export; FILE is a raw image that is written in place (so give it a
 *copy). It honours flush and FUA and forgets, at the cut, a seeded choice of what was not flushed,
 *as tests/crash/cutlog.c says. SIGUSR1, or the write request number cut-after=N, is the cut: of all
 *disks at one instant. From then on every request and every new connection fails, and the files
 *hold what the media hold: they can be examined, and served again for the next boot. The report,
 *one JSON object, appears by rename when the files are ready (at an orderly end too, with
 *"cut":false).
 *
 *	sector=512|4096	what a medium writes as one (512)
 *	arm=yes		cut-after counts from SIGUSR2 on, not from the start
 *	cache=SIZE	what a drive's cache holds before it writes by itself (64M)
 *
 * Traps: an nbdkit that is ended without a cut, by whatever signal, loses nothing of what it was
 *sent: it is the cut that forgets. One mutex orders everything, also the cut against a request that
 *is being worked on, and nbdkit is told to send one request at a time over all connections, so that
 *the order of the log is the order of the answers.
 */
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/crash/cutlog.h"

#define MAX_DISKS    8
#define THREAD_MODEL NBDKIT_THREAD_MODEL_SERIALIZE_ALL_REQUESTS

static struct {
	const char *name, *path;
	struct cut_disk disk;
} disks[MAX_DISKS];
static unsigned n_disks;
static uint64_t seed, cut_after, n_writes;
static bool armed = true; /* the writes are counted */
static int64_t cache_max = 64 << 20;
static unsigned tear = 512;
static char *report_path;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool off; /* the power */
static pthread_t watcher;
static bool watching;

static int add_disk(const char *value)
{
	const char *colon = strchr(value, ':');

	if (!colon || colon == value || n_disks == MAX_DISKS) {
		nbdkit_error("disk=%s: write disk=NAME:FILE, at most %d times", value, MAX_DISKS);
		return -1;
	}
	disks[n_disks].name = nbdkit_strndup_intern(value, (size_t)(colon - value));
	disks[n_disks].path = nbdkit_realpath(colon + 1);
	disks[n_disks].disk.fd = -1;
	return disks[n_disks++].path ? 0 : -1;
}

static int config(const char *key, const char *value)
{
	if (!strcmp(key, "disk"))
		return add_disk(value);
	if (!strcmp(key, "seed"))
		return nbdkit_parse_uint64_t(key, value, &seed);
	if (!strcmp(key, "cut-after"))
		return nbdkit_parse_uint64_t(key, value, &cut_after);
	if (!strcmp(key, "sector"))
		return nbdkit_parse_unsigned(key, value, &tear);
	if (!strcmp(key, "cache")) {
		cache_max = nbdkit_parse_size(value);
		return cache_max < 0 ? -1 : 0;
	}
	if (!strcmp(key, "arm")) {
		int wait = nbdkit_parse_bool(value);

		armed = wait == 0;
		return wait < 0 ? -1 : 0;
	}
	if (!strcmp(key, "report")) {
		free(report_path);
		report_path = nbdkit_absolute_path(value);
		return report_path ? 0 : -1;
	}
	nbdkit_error("unknown parameter '%s'", key);
	return -1;
}

static int config_complete(void)
{
	if (n_disks && (tear == 512 || tear == 4096))
		return 0;
	nbdkit_error(n_disks ? "sector is 512 or 4096" : "no disk=NAME:FILE was given");
	return -1;
}

static int get_ready(void)
{
	for (unsigned i = 0; i < n_disks; i++) {
		struct cut_disk *d = &disks[i].disk;
		int r = cut_disk_open(d, disks[i].path);

		if (r < 0) {
			nbdkit_error("%s: %s", disks[i].path, strerror(-r));
			return -1;
		}
		d->seed = cut_disk_seed(seed, i);
		d->tear = tear;
		d->cache_max = (uint64_t)cache_max;
	}
	return 0;
}

static void print_disk(FILE *f, unsigned i)
{
	const struct cut_disk *d = &disks[i].disk;

	fprintf(f,
		"%s{\"name\":\"%s\",\"writes\":%" PRIu64 ",\"flushes\":%" PRIu64 ",\"fua\":%" PRIu64
		",\"evicted\":%" PRIu64 ",\"pending\":%" PRIu64 ",\"kept\":%" PRIu64
		",\"lost\":%" PRIu64 ",\"torn\":%" PRIu64 ",\"sectors_lost\":%" PRIu64 "}",
		i ? "," : "", disks[i].name, d->writes, d->flushes, d->fuas, d->evicted, d->pending,
		d->kept, d->lost, d->torn, d->sectors_lost);
}

static void write_report(int error)
{
	char tmp[4096];
	FILE *f;

	if (!report_path)
		return;
	snprintf(tmp, sizeof tmp, "%s.tmp", report_path);
	f = fopen(tmp, "we");
	if (!f) {
		nbdkit_error("%s: %s", tmp, strerror(errno));
		return;
	}
	fprintf(f, "{\"cut\":%s,\"seed\":%" PRIu64 ",\"error\":\"%s\",\"disks\":[",
		off ? "true" : "false", seed, error ? strerror(-error) : "");
	for (unsigned i = 0; i < n_disks; i++)
		print_disk(f, i);
	fputs("]}\n", f);
	if (fclose(f) != 0 || rename(tmp, report_path) < 0)
		nbdkit_error("%s: %s", report_path, strerror(errno));
}

/* With the lock held. */
static void cut(void)
{
	int error = 0;

	if (off)
		return;
	off = true;
	for (unsigned i = 0; i < n_disks; i++) {
		int r = cut_disk_power_off(&disks[i].disk);

		error = error ? error : r;
	}
	write_report(error);
}

static void *watch(void *set)
{
	int sig;

	while (sigwait(set, &sig) == 0) {
		pthread_mutex_lock(&lock);
		if (sig == SIGUSR2)
			armed = true;
		else
			cut();
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

/* Before any other thread: they all inherit that these signals are not theirs. */
static int after_fork(void)
{
	static sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0 ||
	    pthread_create(&watcher, NULL, watch, &set) != 0) {
		nbdkit_error("cannot watch for signals");
		return -1;
	}
	watching = true;
	return 0;
}

static void cleanup(void)
{
	if (watching) {
		pthread_cancel(watcher);
		pthread_join(watcher, NULL);
	}
	if (!off)
		write_report(0);
	for (unsigned i = 0; i < n_disks; i++)
		cut_disk_close(&disks[i].disk);
}

static void unload(void)
{
	for (unsigned i = 0; i < n_disks; i++)
		free((char *)disks[i].path);
	free(report_path);
}

static int list_exports(int readonly, int is_tls, struct nbdkit_exports *exports)
{
	(void)readonly;
	(void)is_tls;
	for (unsigned i = 0; i < n_disks; i++)
		if (nbdkit_add_export(exports, disks[i].name, disks[i].path) < 0)
			return -1;
	return 0;
}

static void *open_disk(int readonly)
{
	const char *name = nbdkit_export_name();
	bool dead;

	(void)readonly;
	pthread_mutex_lock(&lock);
	dead = off;
	pthread_mutex_unlock(&lock);
	for (unsigned i = 0; name && i < n_disks; i++)
		if (!dead && !strcmp(disks[i].name, name))
			return &disks[i].disk;
	nbdkit_error(dead ? "the power is off" : "there is no disk '%s'", name ? name : "");
	return NULL;
}

static int64_t get_size(void *handle)
{
	return (int64_t)((struct cut_disk *)handle)->size;
}

static int yes(void *handle)
{
	(void)handle;
	return 1;
}

static int can_fua(void *handle)
{
	(void)handle;
	return NBDKIT_FUA_NATIVE;
}

static int block_size(void *handle, uint32_t *minimum, uint32_t *preferred, uint32_t *maximum)
{
	(void)handle;
	*minimum = CUT_SECTOR;
	*preferred = 4096;
	*maximum = 32 << 20;
	return 0;
}

static int answer(int r)
{
	if (r == 0)
		return 0;
	nbdkit_error("%s", off ? "the power is off" : strerror(-r));
	nbdkit_set_error(-r);
	return -1;
}

static int pread_(void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
	int r = -EIO;

	(void)flags;
	pthread_mutex_lock(&lock);
	if (!off)
		r = cut_disk_read(handle, buf, count, offset);
	r = answer(r);
	pthread_mutex_unlock(&lock);
	return r;
}

static int change(void *handle, const void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
	int r = -EIO;

	pthread_mutex_lock(&lock);
	if (!off) {
		r = cut_disk_write(handle, buf, count, offset, flags & NBDKIT_FLAG_FUA);
		if (armed && ++n_writes == cut_after) {
			cut();
			r = -EIO;
		}
	}
	r = answer(r);
	pthread_mutex_unlock(&lock);
	return r;
}

/* After a trim ATA promises nothing about the content; we give zeros. */
static int zero(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
	return change(handle, NULL, count, offset, flags);
}

static int flush(void *handle, uint32_t flags)
{
	int r = -EIO;

	(void)flags;
	pthread_mutex_lock(&lock);
	if (!off) {
		cut_disk_flush(handle);
		r = 0;
	}
	r = answer(r);
	pthread_mutex_unlock(&lock);
	return r;
}

static struct nbdkit_plugin plugin = {
    .name = "powercut",
    .longname = "disks whose power can be cut",
    .config = config,
    .config_complete = config_complete,
    .config_help = "disk=NAME:FILE ... seed=N [report=FILE] [cut-after=N] [sector=512|4096] "
		   "[cache=SIZE]",
    .magic_config_key = NULL,
    .get_ready = get_ready,
    .after_fork = after_fork,
    .cleanup = cleanup,
    .unload = unload,
    .list_exports = list_exports,
    .open = open_disk,
    .get_size = get_size,
    .block_size = block_size,
    .can_write = yes,
    .can_flush = yes,
    .can_trim = yes,
    .can_zero = yes,
    .can_fua = can_fua,
    .can_multi_conn = yes,
    .is_rotational = yes,
    .pread = pread_,
    .pwrite = change,
    .zero = zero,
    .trim = zero,
    .flush = flush,
};

NBDKIT_REGISTER_PLUGIN(plugin)
