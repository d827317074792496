// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The engine with files in the place of disks: what is written, cut, gone on with, read back. Real
 * block devices, and failing ones, are in tests/cli/write_*.sh.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/write/engine.h"
#include "builder/write/journal.h"
#include "lib/core/file.h"
#include "lib/core/proc.h"

#define MIB   (1ULL << 20)
#define IMAGE (12 * MIB)
#define DISK  (20 * MIB)

static char dir[64];
static uint8_t *image[2], *seen;

static char *path_of(const char *name)
{
	return rh_xasprintf("%s/%s", dir, name);
}

static void fill(uint8_t *p, uint64_t at, uint64_t n, uint32_t x)
{
	for (uint64_t i = 0; i < n; i++) {
		x = x * 1664525u + 1013904223u;
		p[at + i] = (uint8_t)(x >> 24) | 1; /* never zero: a hole that was left is seen */
	}
}

static bool all_are(const uint8_t *p, size_t n, uint8_t value)
{
	return p[0] == value && memcmp(p, p + 1, n - 1) == 0;
}

/* The images with holes where they are zero. */
static void store(unsigned m)
{
	RH_FREE char *path = path_of(m ? "pair/b.img" : "pair/a.img");
	RH_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	static const uint8_t zeros[4096];

	assert_int_equal(ftruncate(fd, (off_t)IMAGE), 0);
	for (uint64_t at = 0; at < IMAGE; at += sizeof zeros)
		if (memcmp(image[m] + at, zeros, sizeof zeros) != 0)
			assert_int_equal(pwrite(fd, image[m] + at, sizeof zeros, (off_t)at),
					 sizeof zeros);
}

static void describe(void)
{
	RH_FREE char *a = path_of("pair/a.img"), *b = path_of("pair/b.img"),
		     *sums = path_of("pair/SHA256SUMS"), *manifest = path_of("pair/manifest.json");
	RH_FREE char *lines = NULL, *json = NULL;
	char hex[2][RH_SHA256_HEX];

	assert_int_equal(rh_sha256_file(AT_FDCWD, a, hex[0], NULL, NULL, NULL), 0);
	assert_int_equal(rh_sha256_file(AT_FDCWD, b, hex[1], NULL, NULL, NULL), 0);
	lines = rh_xasprintf("%s  a.img\n%s  b.img\n", hex[0], hex[1]);
	json =
	    rh_xasprintf("{\"recipe\":\"t\",\"files\":{\"a.img\":{\"size\":%llu,\"sha256\":\"%s\"},"
			 "\"b.img\":{\"size\":%llu,\"sha256\":\"%s\"}}}",
			 (unsigned long long)IMAGE, hex[0], (unsigned long long)IMAGE, hex[1]);
	assert_int_equal(rh_file_write(AT_FDCWD, sums, 0644, lines, strlen(lines), NULL), 0);
	assert_int_equal(rh_file_write(AT_FDCWD, manifest, 0644, json, strlen(json), NULL), 0);
}

/* Disks full of what was there before. */
static void old_disks(void)
{
	memset(seen, 0xee, DISK);
	for (int i = 0; i < 2; i++) {
		RH_FREE char *path = path_of(i ? "disk1" : "disk0");
		RH_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

		assert_int_equal(pwrite(fd, seen, DISK, 0), (ssize_t)DISK);
	}
}

static int set_up(void **state)
{
	RH_FREE char *pair = NULL;

	(void)state;
	strcpy(dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/rh-test-write-XXXXXX"
						  : "/tmp/rh-test-write-XXXXXX");
	assert_non_null(mkdtemp(dir));
	pair = path_of("pair");
	assert_int_equal(rh_mkdirs(AT_FDCWD, pair, 0755, NULL), 0);
	for (int i = 0; i < 2; i++)
		image[i] = rh_xalloc(IMAGE);
	seen = rh_xalloc(DISK);
	fill(image[0], 0, 34 * 512, 1);		       /* a table */
	fill(image[0], MIB, MIB + 4096, 2);	       /* data right behind the first MiB */
	fill(image[0], 4 * MIB + 8192, 4096, 3);       /* a page in a hole */
	fill(image[0], 6 * MIB, 4 * MIB, 4);	       /* more than the ring's piece */
	fill(image[0], IMAGE - MIB - 4096, 8192, 5);   /* across the last MiB's border */
	fill(image[0], IMAGE - 33 * 512, 33 * 512, 6); /* the other table */
	memcpy(image[1], image[0], IMAGE);
	fill(image[1], 512, 512, 7);
	fill(image[1], MIB + 512, 1024, 8);
	fill(image[1], 5 * MIB + 1024, 512, 9); /* in a's hole */
	fill(image[1], IMAGE - 512, 512, 10);
	store(0);
	store(1);
	describe();
	old_disks();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(image[0]);
	free(image[1]);
	free(seen);
	return rh_remove_tree(AT_FDCWD, dir, NULL);
}

struct run {
	struct rh_write w;
	struct rh_disk disk[2];
	char *state;
	struct rh_str said;
	struct rh_err err;
};

static void on_say(void *arg, const char *line)
{
	struct run *r = arg;

	rh_str_addf(&r->said, "%s\n", line);
}

static void begin(struct run *r)
{
	RH_FREE char *pair = path_of("pair");

	*r = (struct run){.state = path_of("state")};
	for (unsigned i = 0; i < 2; i++) {
		char *path = path_of(i ? "disk1" : "disk0");

		r->disk[i] = (struct rh_disk){.asked = rh_xstrdup(path),
					      .path = rh_xstrdup(path),
					      .node = path,
					      .kname = rh_xstrdup("file"),
					      .model = rh_xstrdup("file"),
					      .serial = rh_xasprintf("SN/%u", i),
					      .size = DISK,
					      .sector = 512,
					      .fd = open(path, O_RDWR | O_CLOEXEC)};
		assert_true(r->disk[i].fd >= 0);
		r->w.target[i] = (struct rh_target){.disk = &r->disk[i], .member = i};
	}
	r->w.n = 2;
	r->w.state_dir = r->state;
	r->w.checkpoint = MIB;
	r->w.say = on_say;
	r->w.arg = r;
	assert_int_equal(rh_source_pair(pair, &r->w.source, &r->err), 0);
}

static void finish(struct run *r)
{
	rh_disk_free(&r->disk[0]);
	rh_disk_free(&r->disk[1]);
	rh_source_free(&r->w.source);
	rh_str_free(&r->said);
	free(r->state);
}

static void read_disk(int i)
{
	RH_FREE char *path = path_of(i ? "disk1" : "disk0");
	RH_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, seen, DISK, 0), (ssize_t)DISK);
}

static void poke(int i, uint64_t at, uint8_t value, size_t n)
{
	RH_FREE char *path = path_of(i ? "disk1" : "disk0");
	RH_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
	RH_FREE uint8_t *buf = rh_xalloc(n);

	memset(buf, value, n);
	assert_int_equal(pwrite(fd, buf, n, (off_t)at), (ssize_t)n);
}

static void assert_written(void)
{
	for (int i = 0; i < 2; i++) {
		read_disk(i);
		for (uint64_t at = 0; memcmp(seen, image[i], IMAGE) != 0 && at < IMAGE; at++)
			if (seen[at] != image[i][at])
				fail_msg("disk %d differs at byte %llu", i, (unsigned long long)at);
		/* The rest is as it was, but the disk's end is cleared. */
		assert_int_equal(seen[IMAGE], 0xee);
		assert_int_equal(seen[DISK - RH_WRITE_TAIL - 1], 0xee);
		assert_true(all_are(seen + DISK - RH_WRITE_TAIL, RH_WRITE_TAIL, 0));
	}
}

static void both_halves_are_written_and_verified(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	assert_int_equal(rh_write_run(&r.w, &r.err), 0);
	assert_written();
	assert_true(r.w.target[0].bootable && r.w.target[1].bootable);
	assert_int_equal(rh_write_verify(&r.w, &r.err), 0);
	assert_int_equal(r.w.target[1].done, IMAGE);
	assert_int_equal(rh_write_member(r.w.source, &r.disk[0], &r.err), 0);
	assert_int_equal(rh_write_member(r.w.source, &r.disk[1], &r.err), 1);
	finish(&r);
}

/* Run until POS bytes, then die by SIGKILL. */
static void cut_at(uint64_t pos)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		RH_FREE char *text = rh_xasprintf("%llu", (unsigned long long)pos);
		struct run r;

		setenv("RH_STOP_AT_BYTE", text, 1);
		begin(&r);
		_exit(rh_write_run(&r.w, &r.err) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static uint64_t recorded(int i)
{
	RH_FREE char *state = path_of("state");
	struct rh_journal j = {0};
	uint64_t pos = 0;

	if (rh_journal_load(state, i ? "SN/1" : "SN/0", &j, NULL) == 0)
		pos = j.position;
	rh_journal_free(&j);
	return pos;
}

/*
 * The cut loses what was not flushed: here everything behind the recorded place up to the held
 * back end, so the next run must not rely on any of it.
 */
static void lose_unflushed(int i)
{
	uint64_t from = recorded(i) > MIB ? recorded(i) : MIB;

	poke(i, from, 0x5a, (size_t)(IMAGE - MIB - from));
}

static void a_cut_anywhere_is_gone_on_from(void **state)
{
	(void)state;
	for (int tenth = 0; tenth <= 10; tenth++) {
		RH_FREE char *journals = path_of("state");
		struct run r;
		uint64_t places[2];

		assert_int_equal(rh_remove_tree(AT_FDCWD, journals, NULL), 0);
		old_disks();
		cut_at(IMAGE / 10 * (unsigned)tenth + (tenth == 10 ? IMAGE % 10 : 0));
		for (int i = 0; i < 2; i++) {
			places[i] = recorded(i);
			read_disk(i);
			/* The first disk is cleared before anything else; neither can boot. */
			assert_true((tenth == 0 && i == 1) || all_are(seen, MIB, 0));
			lose_unflushed(i);
		}
		begin(&r);
		assert_int_equal(rh_write_run(&r.w, &r.err), 0);
		for (int i = 0; i < 2; i++)
			assert_int_equal(r.w.target[i].from, places[i] > MIB ? places[i] : 0);
		if (tenth >= 5)
			assert_non_null(strstr(rh_str_text(&r.said), "going on at byte"));
		assert_written();
		finish(&r);
	}
}

static void interrupt(void *arg, enum rh_write_phase phase, uint64_t pos, uint64_t total)
{
	(void)arg;
	if (phase == RH_WRITE_DATA && pos > total / 3)
		raise(SIGINT);
}

/* A run that ends by SIGINT after a third of the way: both disks end at the same place. */
static void interrupt_run(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct run r;

		rh_catch_signals();
		begin(&r);
		r.w.progress = interrupt;
		if (rh_write_run(&r.w, &r.err) != -EINTR)
			_exit(1);
		if (r.w.target[0].bootable || r.w.target[0].kept <= IMAGE / 3 ||
		    r.w.target[0].kept != recorded(0) || !strstr(r.err.text, "interrupted"))
			_exit(2);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_disk_used_in_between_is_written_anew(void **state)
{
	struct run r;

	(void)state;
	interrupt_run();
	assert_true(recorded(0) > IMAGE / 3 && recorded(1) > IMAGE / 3);
	poke(0, recorded(0) - 1, 0x77, 1); /* within what was written */
	poke(1, 100, 0x77, 1);		   /* a new table */
	begin(&r);
	assert_int_equal(rh_write_run(&r.w, &r.err), 0);
	assert_int_equal(r.w.target[0].from, 0);
	assert_int_equal(r.w.target[1].from, 0);
	assert_non_null(strstr(rh_str_text(&r.said), "has changed since: from the start"));
	assert_written();
	finish(&r);
}

static void another_pair_does_not_go_on(void **state)
{
	struct run r;

	(void)state;
	interrupt_run();
	image[0][8 * MIB] ^= 1;
	image[1][8 * MIB] ^= 1;
	store(0);
	store(1);
	describe();
	begin(&r);
	assert_int_equal(rh_write_run(&r.w, &r.err), 0);
	assert_int_equal(r.w.target[0].from, 0);
	assert_written();
	finish(&r);
}

static void a_failed_disk_is_replaced_and_the_other_goes_on(void **state)
{
	struct run r;
	int good;

	(void)state;
	interrupt_run();
	begin(&r);
	good = r.disk[1].fd;
	r.disk[1].fd = open(r.disk[1].node, O_RDONLY | O_CLOEXEC); /* writes fail: EBADF */
	assert_true(rh_write_run(&r.w, &r.err) < 0);
	assert_int_equal(r.w.target[0].error, 0);
	assert_int_equal(r.w.target[1].error, -EBADF);
	assert_non_null(strstr(r.err.text, "disk b, serial SN/1"));
	assert_non_null(strstr(r.err.text, "at byte "));
	assert_non_null(strstr(r.err.text, "disk a, serial SN/0"));
	assert_non_null(strstr(r.err.text, "the next run goes on at byte"));
	close(good);
	finish(&r);
	begin(&r);
	free(r.disk[1].serial);
	r.disk[1].serial = rh_xstrdup("NEW");
	assert_int_equal(rh_write_run(&r.w, &r.err), 0);
	assert_true(r.w.target[0].from > IMAGE / 3);
	assert_int_equal(r.w.target[1].from, 0);
	assert_written();
	finish(&r);
}

static void a_flipped_bit_is_found(void **state)
{
	/* In data, in a hole, in a patch, in the table, in the last byte. */
	static const uint64_t places[] = {7 * MIB + 7, 3 * MIB + 3, MIB + 600, 17, IMAGE - 1};

	(void)state;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		RH_FREE char *byte = rh_xasprintf("at byte %llu:", (unsigned long long)places[i]);
		struct run r;

		begin(&r);
		assert_int_equal(rh_write_run(&r.w, &r.err), 0);
		poke(1, places[i], image[1][places[i]] ^ 4, 1);
		assert_int_equal(rh_write_verify(&r.w, &r.err), -EILSEQ);
		assert_int_equal(r.w.target[1].error_at, places[i]);
		assert_int_equal(r.w.target[0].error, 0);
		assert_int_equal(r.w.target[0].done, IMAGE); /* the other one is read to its end */
		assert_non_null(strstr(r.err.text, "disk b, serial SN/1"));
		assert_non_null(strstr(r.err.text, byte));
		assert_int_equal(recorded(1), 0); /* the next run trusts nothing there */
		finish(&r);
	}
}

static void a_short_disk_is_named(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	assert_int_equal(rh_write_run(&r.w, &r.err), 0);
	assert_int_equal(ftruncate(r.disk[0].fd, (off_t)(5 * MIB)), 0);
	assert_int_equal(rh_write_verify(&r.w, &r.err), -ENOSPC);
	assert_int_equal(r.w.target[0].error_at, 5 * MIB);
	assert_non_null(strstr(r.err.text, "SN/0"));
	finish(&r);
}

static void a_damaged_image_writes_nothing(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	image[1][7 * MIB] ^= 1;
	store(1);
	assert_int_equal(rh_write_run(&r.w, &r.err), -EBADMSG);
	assert_non_null(strstr(r.err.text, "b.img is damaged"));
	for (int i = 0; i < 2; i++) {
		read_disk(i);
		assert_true(all_are(seen, DISK, 0xee));
	}
	finish(&r);
}

/* Checked, then changed: the disks are equal to what was read, and yet wrong. */
static void an_image_changed_meanwhile_is_found(void **state)
{
	struct run r;

	(void)state;
	begin(&r);
	assert_int_equal(rh_source_check(r.w.source, NULL, NULL, &r.err), 0);
	image[0][7 * MIB] ^= 1;
	store(0);
	assert_int_equal(rh_write_run(&r.w, &r.err), 0);
	assert_int_equal(rh_write_verify(&r.w, &r.err), -EBADMSG);
	assert_non_null(strstr(r.err.text, "has changed while"));
	finish(&r);
}

static void stale_signatures_are_cleared(void **state)
{
	struct run r;
	struct rh_content *c;

	(void)state;
	begin(&r);
	r.disk[0].n_content = r.disk[0].content_cap = 3;
	c = r.disk[0].content = rh_xalloc(3 * sizeof *c);
	c[0] = (struct rh_content){.at = 14 * MIB + 1080,
				   .len = 2,
				   .type = rh_xstrdup("ext4"),
				   .text = rh_xstrdup("ext4 \"OLD\"")};
	c[1] = (struct rh_content){
	    .at = 3 * MIB, .len = 4, .type = rh_xstrdup("xfs"), .text = rh_xstrdup("xfs within")};
	c[2] = (struct rh_content){
	    .at = IMAGE - 2, .len = 4, .type = rh_xstrdup("odd"), .text = rh_xstrdup("odd across")};
	assert_int_equal(rh_write_run(&r.w, &r.err), 0);
	assert_non_null(strstr(rh_str_text(&r.said), "SN/0: clearing ext4 \"OLD\", at byte"));
	assert_null(strstr(rh_str_text(&r.said), "xfs within"));
	assert_non_null(strstr(rh_str_text(&r.said), "odd across"));
	read_disk(0);
	assert_int_equal(memcmp(seen, image[0], IMAGE), 0);
	assert_int_equal(seen[14 * MIB], 0);
	assert_int_equal(seen[14 * MIB + 1081], 0);
	assert_int_equal(seen[14 * MIB - 1], 0xee);
	assert_int_equal(seen[14 * MIB + 4096], 0xee);
	assert_int_equal(seen[IMAGE + 1], 0);
	assert_int_equal(seen[IMAGE + 4096], 0xee);
	finish(&r);
}

static void an_interrupt_ends_orderly(void **state)
{
	struct run r;

	(void)state;
	interrupt_run();
	begin(&r);
	assert_int_equal(rh_write_run(&r.w, &r.err), 0);
	assert_true(r.w.target[0].from > MIB && r.w.target[0].from == r.w.target[1].from);
	assert_written();
	finish(&r);
}

static void journals_are_kept_apart(void **state)
{
	RH_FREE char *s = path_of("state");
	struct rh_journal j = {.source = (char *)"/p", .member = 1, .size = 5, .position = 7}, got;

	(void)state;
	memset(j.pair, 'a', 64);
	assert_int_equal(rh_journal_store(s, "A/B", &j, NULL), 0);
	assert_int_equal(rh_journal_load(s, "A/B", &got, NULL), 0);
	assert_string_equal(got.source, "/p");
	assert_int_equal(got.member, 1);
	assert_int_equal(got.position, 7);
	rh_journal_free(&got);
	/* A serial that makes the same name of a file. */
	assert_int_equal(rh_journal_load(s, "A B", &got, NULL), -ENOENT);
	rh_journal_forget(s, "A/B");
	assert_int_equal(rh_journal_load(s, "A/B", &got, NULL), -ENOENT);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(both_halves_are_written_and_verified),
	    T(a_cut_anywhere_is_gone_on_from),
	    T(a_disk_used_in_between_is_written_anew),
	    T(another_pair_does_not_go_on),
	    T(a_failed_disk_is_replaced_and_the_other_goes_on),
	    T(a_flipped_bit_is_found),
	    T(a_short_disk_is_named),
	    T(a_damaged_image_writes_nothing),
	    T(an_image_changed_meanwhile_is_found),
	    T(stale_signatures_are_cleared),
	    T(an_interrupt_ends_orderly),
	    T(journals_are_kept_apart),
	};

	return cmocka_run_group_tests_name("write_engine", tests, NULL, NULL);
}
