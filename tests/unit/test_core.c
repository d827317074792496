// SPDX-License-Identifier: GPL-2.0-or-later
/* lib/core: errors keep the cause, files appear whole or not at all, children end as reported. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/core/diag.h"
#include "lib/core/file.h"
#include "lib/core/proc.h"
#include "lib/core/scratch.h"

static char dir[] = "/tmp/rh-core-XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int drop_dir(void **state)
{
	(void)state;
	return chdir("/") == 0 ? rh_remove_tree(AT_FDCWD, dir, NULL) : -1;
}

static void err_prefix_keeps_the_first_cause(void **state)
{
	struct rh_err err;
	char longest[RH_ERR_MAX];

	(void)state;
	assert_int_equal(rh_err_errno(&err, ENOENT, "cannot open %s", "x"), -ENOENT);
	assert_int_equal(rh_err_prefix(&err, -ENOENT, "step %d", 3), -ENOENT);
	assert_string_equal(err.text, "step 3: cannot open x: No such file or directory");
	memset(longest, 'a', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	memcpy(err.text, longest, sizeof longest);
	strcpy(err.text + sizeof longest - 6, "cause");
	rh_err_prefix(&err, -1, "%s", "context");
	assert_string_equal(err.text + strlen(err.text) - 5, "cause");
	assert_memory_equal(err.text, "context: ", 9);
}

static void err_errno_keeps_the_cause_of_a_long_name(void **state)
{
	struct rh_err err;
	char longest[RH_ERR_MAX + 10];
	static const char cause[] = ": No such file or directory";

	(void)state;
	memset(longest, 'a', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	rh_err_errno(&err, ENOENT, "cannot open %s", longest);
	assert_string_equal(err.text + strlen(err.text) - strlen(cause), cause);
	strcpy(err.text, "as it was");
	assert_int_equal(rh_err_prefix(&err, 0, "no error"), 0);
	assert_string_equal(err.text, "as it was");
}

static void arena_gives_zeroed_aligned_memory(void **state)
{
	struct rh_arena *a = rh_arena_new();

	(void)state;
	for (size_t n = 1; n < 20000; n = n * 3 + 1) {
		unsigned char *p = rh_arena_alloc(a, n);

		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, n);
	}
	assert_string_equal(rh_arena_printf(a, "%s-%d", "x", 7), "x-7");
	rh_arena_free(&a);
	assert_null(a);
}

static void outfile_appears_only_by_commit(void **state)
{
	struct rh_outfile f = RH_OUTFILE_INIT;
	struct rh_strv names = {0};
	struct rh_str text = {0};
	struct rh_err err;

	(void)state;
	assert_int_equal(rh_outfile_open(&f, AT_FDCWD, "out", 0640, &err), 0);
	rh_outfile_printf(&f, "half %d", 1);
	assert_false(rh_exists(AT_FDCWD, "out"));
	rh_outfile_abort(&f);
	assert_int_equal(rh_list_dir(AT_FDCWD, ".", &names, &err), 0);
	assert_int_equal(names.n, 0);
	rh_strv_free(&names);
	assert_int_equal(rh_file_write(AT_FDCWD, "out", 0640, "whole", 5, &err), 0);
	assert_int_equal(rh_file_read(AT_FDCWD, "out", 100, &text, &err), 0);
	assert_string_equal(text.data, "whole");
	rh_str_free(&text);
	assert_int_equal(rh_file_read(AT_FDCWD, "out", 4, &text, &err), -EFBIG);
	rh_str_free(&text);
}

static void outfile_reports_a_full_disk(void **state)
{
	struct rh_outfile f = RH_OUTFILE_INIT;
	struct rh_err err;
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(full >= 0);
	assert_int_equal(rh_outfile_open(&f, AT_FDCWD, "never", 0644, &err), 0);
	assert_true(dup2(full, f.fd) >= 0);
	close(full);
	rh_outfile_write(&f, "x", 1);
	assert_int_equal(rh_outfile_commit(&f, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "never"));
	assert_false(rh_exists(AT_FDCWD, "never"));
}

static void remove_tree_does_not_follow_links(void **state)
{
	struct rh_err err;

	(void)state;
	assert_int_equal(rh_mkdirs(AT_FDCWD, "a/b/c", 0755, &err), 0);
	assert_int_equal(rh_file_write(AT_FDCWD, "keep", 0644, "k", 1, &err), 0);
	assert_int_equal(symlink("../../keep", "a/b/link"), 0);
	assert_int_equal(symlink("../..", "a/b/up"), 0);
	assert_int_equal(rh_remove_tree(AT_FDCWD, "a", &err), 0);
	assert_false(rh_exists(AT_FDCWD, "a"));
	assert_true(rh_exists(AT_FDCWD, "keep"));
}

static void mkdirs_takes_only_a_folder_for_one(void **state)
{
	struct rh_err err;

	(void)state;
	assert_int_equal(rh_file_write(AT_FDCWD, "plain", 0644, "x", 1, &err), 0);
	assert_int_equal(rh_mkdirs(AT_FDCWD, "plain", 0755, &err), -ENOTDIR);
	assert_int_equal(rh_mkdirs(AT_FDCWD, "plain/below", 0755, &err), -ENOTDIR);
	assert_int_equal(rh_mkdirs(AT_FDCWD, "real/below", 0755, &err), 0);
	assert_int_equal(symlink("real", "linked"), 0);
	assert_int_equal(rh_mkdirs(AT_FDCWD, "linked/below", 0755, &err), 0);
}

static void make_folder(const char *name, const char *text)
{
	struct rh_str path = {0};

	assert_int_equal(rh_mkdirs(AT_FDCWD, name, 0755, NULL), 0);
	rh_str_addf(&path, "%s/file", name);
	assert_int_equal(rh_file_write(AT_FDCWD, path.data, 0644, text, strlen(text), NULL), 0);
	rh_str_free(&path);
}

static void replace_dir_exchanges_and_removes_the_old(void **state)
{
	struct rh_str text = {0};
	struct rh_err err;

	(void)state;
	make_folder("made1", "one");
	assert_int_equal(rh_replace_dir("made1", "target", &err), 0);
	make_folder("made2", "two");
	assert_int_equal(rh_replace_dir("made2", "target", &err), 0);
	assert_int_equal(rh_file_read(AT_FDCWD, "target/file", 9, &text, &err), 0);
	assert_string_equal(text.data, "two");
	assert_false(rh_exists(AT_FDCWD, "made1"));
	assert_false(rh_exists(AT_FDCWD, "made2"));
	make_folder("made3", "three");
	assert_int_equal(rh_replace_dir("made3", "no/such/target", &err), -ENOENT);
	assert_true(rh_exists(AT_FDCWD, "made3/file"));
	rh_str_free(&text);
}

static void scratch_sweeps_what_nobody_holds(void **state)
{
	struct rh_scratch a, b, c;
	struct rh_err err;

	(void)state;
	assert_int_equal(rh_scratch_make(&a, "scratch-", &err), 0);
	assert_int_equal(rh_scratch_make(&b, "scratch-", &err), 0);
	assert_true(rh_exists(AT_FDCWD, a.path)); /* held: left alone */
	assert_int_equal(rh_mkdirs(AT_FDCWD, "scratch-killed/below", 0755, &err), 0);
	assert_int_equal(rh_mkdirs(AT_FDCWD, "scratch-longer-name", 0755, &err), 0);
	assert_int_equal(rh_scratch_make(&c, "scratch-", &err), 0);
	assert_false(rh_exists(AT_FDCWD, "scratch-killed"));
	assert_true(rh_exists(AT_FDCWD, "scratch-longer-name"));
	assert_int_equal(rename(a.path, "kept"), 0);
	rh_scratch_release(&a);
	assert_int_equal(rh_scratch_drop(&a, &err), 0);
	assert_true(rh_exists(AT_FDCWD, "kept"));
	assert_int_equal(rh_scratch_drop(&b, &err), 0);
	assert_int_equal(rh_scratch_drop(&c, &err), 0);
	assert_int_equal(rh_scratch_make(&c, "no/such/folder/x-", &err), -ENOENT);
}

static void random_text_is_text_and_differs(void **state)
{
	char a[41], b[41];

	(void)state;
	assert_int_equal(rh_random_text(a, 40, NULL), 0);
	assert_int_equal(rh_random_text(b, 40, NULL), 0);
	assert_int_equal(strspn(a, "abcdefghijklmnopqrstuvwxyz0123456789"), 40);
	assert_string_not_equal(a, b);
}

static int run(struct rh_err *err, const char *script, struct rh_str *out, int timeout, int *status)
{
	const char *argv[] = {"sh", "-c", script, NULL};

	return rh_proc_run(&(struct rh_proc){.argv = argv, .capture = out, .timeout_s = timeout},
			   status, err);
}

static void proc_reports_how_the_child_ended(void **state)
{
	struct rh_str out = {0};
	struct rh_err err;
	int status;

	(void)state;
	assert_int_equal(run(&err, "echo hi; echo no >&2", &out, 0, &status), 0);
	assert_string_equal(out.data, "hi\n");
	assert_int_equal(run(&err, "echo reason >&2; exit 7", &out, 0, &status), -ECHILD);
	assert_int_equal(status, 7);
	assert_non_null(strstr(err.text, "exit status 7"));
	assert_non_null(strstr(err.text, "reason"));
	assert_int_equal(run(&err, "kill -9 $$", &out, 0, &status), -ECHILD);
	assert_int_equal(status, 256 + 9);
	assert_int_equal(run(&err, "sleep 60 & sleep 60", &out, 1, &status), -ETIMEDOUT);
	rh_str_free(&out);
	assert_int_equal(rh_proc_call(&err, "/no/such/program", NULL), -ENOENT);
	assert_non_null(strstr(err.text, "/no/such/program"));
}

static void proc_says_when_it_cannot_hold_the_output(void **state)
{
	struct rh_str out = {0};
	struct rh_err err;
	int status;

	(void)state;
	assert_int_equal(run(&err, "head -c 17000000 /dev/zero", &out, 0, &status), -EFBIG);
	assert_non_null(strstr(err.text, "16 MiB"));
	rh_str_free(&out);
}

static void proc_error_has_the_last_lines_of_both_streams(void **state)
{
	static const char script[] =
	    "l=$(printf %0200d 0); for i in 1 2 3 4 5 6 7 8 9; do echo $l; echo $l >&2; done; "
	    "echo last-out; echo last-err >&2; exit 1";
	struct rh_err err;

	(void)state;
	assert_int_equal(rh_proc_call(&err, "sh", "-c", script, NULL), -ECHILD);
	assert_non_null(strstr(err.text, "last-out"));
	assert_non_null(strstr(err.text, "last-err"));
}

static void closed_streams_are_not_taken_by_files(void **state)
{
	int status = -1;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		close(1);
		close(2);
		rh_fill_standard_fds();
		_exit(open("/", O_RDONLY | O_CLOEXEC) <= 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void proc_input_environment_and_lines(void **state)
{
	const char *argv[] = {"sh", "-c", "read x; echo \"$x $RH_T $LC_ALL\"", NULL};
	const char *env[] = {"RH_T=given", NULL};
	struct rh_str out = {0};

	(void)state;
	assert_int_equal(
	    rh_proc_run(
		&(struct rh_proc){.argv = argv, .env = env, .input = "line\n", .capture = &out},
		NULL, NULL),
	    0);
	assert_string_equal(out.data, "line given C\n");
	rh_str_free(&out);
}

/* In a child, because the flag stays set: 0 when two SIGINTs at once only set it. */
static void two_interrupts_at_once_are_one(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		rh_catch_signals();
		raise(SIGINT);
		raise(SIGINT);
		_exit(rh_interrupted() ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_later_second_interrupt_ends_at_once(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		rh_catch_signals();
		raise(SIGINT);
		usleep(700 * 1000);
		raise(SIGINT);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
}

static void did_you_mean_finds_near_words_only(void **state)
{
	static const char *const names[] = {"postfix", "dovecot", "mariadb", "web"};

	(void)state;
	assert_string_equal(rh_did_you_mean("postifx", names, 4), "postfix");
	assert_string_equal(rh_did_you_mean("dovcot", names, 4), "dovecot");
	assert_null(rh_did_you_mean("sendmail", names, 4));
	assert_null(rh_did_you_mean("", names, 4));
}

static void diags_are_sorted_by_file_and_line(void **state)
{
	struct rh_diags d = {0};

	(void)state;
	rh_diag_add(&d, "b", 1, "", "", "1");
	rh_diag_add(&d, "a", 9, "", "", "2");
	rh_diag_add(&d, "a", 2, "", "", "3");
	rh_diag_add(&d, "a", 2, "", "", "4");
	rh_diags_sort(&d);
	assert_string_equal(d.v[0].text, "3");
	assert_string_equal(d.v[1].text, "4");
	assert_string_equal(d.v[2].text, "2");
	assert_string_equal(d.v[3].text, "1");
	rh_diags_free(&d);
}

static void whole_reads_and_writes_at_a_place(void **state)
{
	char path[] = "/tmp/rh-core-XXXXXX", back[8] = "";
	int fd = mkstemp(path);
	struct rh_err err;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rh_pwrite_all(fd, "abcdef", 6, 10, &err), 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	assert_int_equal(rh_pread_all(fd, back, 4, 11, &err), 0);
	assert_string_equal(back, "bcde");
	assert_int_equal(rh_pread_all(fd, back, 4, 14, &err), -EIO);
	assert_string_equal(err.text, "it ends at byte 16");
	close(fd);
	assert_int_equal(rh_pwrite_all(fd, "x", 1, 0, &err), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(err_prefix_keeps_the_first_cause),
	    cmocka_unit_test(err_errno_keeps_the_cause_of_a_long_name),
	    cmocka_unit_test(arena_gives_zeroed_aligned_memory),
	    cmocka_unit_test(outfile_appears_only_by_commit),
	    cmocka_unit_test(outfile_reports_a_full_disk),
	    cmocka_unit_test(whole_reads_and_writes_at_a_place),
	    cmocka_unit_test(remove_tree_does_not_follow_links),
	    cmocka_unit_test(mkdirs_takes_only_a_folder_for_one),
	    cmocka_unit_test(replace_dir_exchanges_and_removes_the_old),
	    cmocka_unit_test(scratch_sweeps_what_nobody_holds),
	    cmocka_unit_test(random_text_is_text_and_differs),
	    cmocka_unit_test(proc_reports_how_the_child_ended),
	    cmocka_unit_test(proc_says_when_it_cannot_hold_the_output),
	    cmocka_unit_test(proc_error_has_the_last_lines_of_both_streams),
	    cmocka_unit_test(closed_streams_are_not_taken_by_files),
	    cmocka_unit_test(proc_input_environment_and_lines),
	    cmocka_unit_test(two_interrupts_at_once_are_one),
	    cmocka_unit_test(a_later_second_interrupt_ends_at_once),
	    cmocka_unit_test(did_you_mean_finds_near_words_only),
	    cmocka_unit_test(diags_are_sorted_by_file_and_line),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
