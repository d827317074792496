// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Children by argument vector; the contract is in proc.h.
 *
 * The parent multiplexes the child's output and its end in one poll() with a short tick, so that an
 * interruption or a time-out is seen even when the child says nothing. A failed exec is reported
 * through a close-on-exec pipe: the child never returns into the program.
 */
#include "lib/core/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CAPTURE_MAX (16u * 1024 * 1024)
#define TAIL_LINES  8
#define TAIL_WIDTH  200
#define TICK_MS	    200
#define END_TICK_MS 2
#define GRACE_MS    5000
#define SECOND_MS   500
_Static_assert(2 * TAIL_LINES * (TAIL_WIDTH + 5) + 256 <= RH_ERR_MAX,
	       "the last lines of both streams must fit into an error");

static volatile sig_atomic_t interrupted;
static int64_t first_sigint; /* ms; touched by the handler alone */

/* A program that interrupts both us and our process group (timeout(1) does) sends the same wish
 * twice: only a second SIGINT that comes later is a second wish. */
static void on_signal(int sig)
{
	struct timespec ts;
	int64_t now;

	if (sig == SIGINT) {
		clock_gettime(CLOCK_MONOTONIC, &ts);
		now = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
		if (first_sigint && now - first_sigint > SECOND_MS) {
			signal(sig, SIG_DFL);
			raise(sig);
		}
		if (!first_sigint)
			first_sigint = now;
	}
	interrupted = 1;
}

void rh_catch_signals(void)
{
	struct sigaction sa = {.sa_handler = on_signal}, old;

	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	/* Under nohup(1) the end of the terminal is nothing to us. */
	if (sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
		sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

bool rh_interrupted(void)
{
	return interrupted;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- the child's side: only async-signal-safe calls and what the caller's prepare() does --- */

struct child_fds {
	int in, out, err, report;
};

static _Noreturn void child_fail(int report)
{
	int code = errno;

	if (write(report, &code, sizeof code) < 0)
		_exit(126);
	_exit(127);
}

static void child_keep(const struct rh_proc *p)
{
	for (size_t i = 0; i < sizeof p->keep_fd / sizeof *p->keep_fd; i++)
		if (p->keep_fd[i] > 2)
			fcntl(p->keep_fd[i], F_SETFD, 0);
}

static _Noreturn void child_run(const struct rh_proc *p, const struct child_fds *fds, pid_t parent,
				char **env)
{
	sigset_t none;
	int r;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	if (dup2(fds->in, 0) < 0 || dup2(fds->out, 1) < 0 || dup2(fds->err, 2) < 0)
		child_fail(fds->report);
	child_keep(p);
	if (p->cwd && chdir(p->cwd) < 0)
		child_fail(fds->report);
	if (p->prepare) {
		r = p->prepare(p->prepare_arg);
		if (r < 0) {
			errno = -r;
			child_fail(fds->report);
		}
	}
	execvpe(p->argv[0], (char *const *)p->argv, env);
	child_fail(fds->report);
}

/* --- the parent's side --- */

struct pipes {
	int in[2], out[2], err[2], report[2], null;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_pipes(struct pipes *pp)
{
	for (int i = 0; i < 2; i++) {
		close_fd(&pp->in[i]);
		close_fd(&pp->out[i]);
		close_fd(&pp->err[i]);
		close_fd(&pp->report[i]);
	}
	close_fd(&pp->null);
}

/* The environment: ours, LC_ALL=C, then what the caller adds (which may override it). */
static void child_env(const struct rh_proc *p, struct rh_strv *env)
{
	const char *const *extra = p->env;

	rh_strv_add(env, "LC_ALL=C");
	for (char **e = environ; *e; e++)
		if (strncmp(*e, "LC_ALL=", 7) != 0)
			rh_strv_add(env, *e);
	for (; extra && *extra; extra++) {
		size_t name = strcspn(*extra, "="), i;

		for (i = 0; i < env->n; i++)
			if (!strncmp(env->v[i], *extra, name + 1))
				break;
		if (i < env->n) {
			free(env->v[i]);
			env->v[i] = rh_xstrdup(*extra);
		} else {
			rh_strv_add(env, *extra);
		}
	}
}

static int open_pipes(const struct rh_proc *p, bool collect, struct pipes *pp)
{
	*pp = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}, -1};
	pp->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (pp->null < 0 || pipe2(pp->report, O_CLOEXEC) < 0)
		return -errno;
	if (collect &&
	    (pipe2(pp->err, O_CLOEXEC) < 0 || (!p->out && pipe2(pp->out, O_CLOEXEC) < 0)))
		return -errno;
	if (p->input && !p->in) {
		size_t n = strlen(p->input);

		if (n > 65536)
			return -E2BIG;
		if (pipe2(pp->in, O_CLOEXEC) < 0)
			return -errno;
		/* A pipe holds 64 KiB: this cannot block. */
		if (write(pp->in[1], p->input, n) != (ssize_t)n)
			return -EIO;
		close_fd(&pp->in[1]);
	}
	return 0;
}

/* Wait for a child that is ending or has been killed. */
static void reap(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int spawn(const struct rh_proc *p, bool collect, struct pipes *pp, pid_t *pid,
		 struct rh_err *err)
{
	RH_STRV struct rh_strv env = {0};
	struct child_fds fds;
	pid_t parent = getpid();
	int code = 0, r = open_pipes(p, collect, pp);

	if (r < 0)
		return rh_err_errno(err, -r, "cannot start %s", p->argv[0]);
	child_env(p, &env);
	fds.in = p->in ? p->in : pp->in[0] >= 0 ? pp->in[0] : pp->null;
	fds.out = p->out ? p->out : pp->out[1] >= 0 ? pp->out[1] : pp->null;
	fds.err = pp->err[1] >= 0 ? pp->err[1] : fds.out;
	fds.report = pp->report[1];
	*pid = fork();
	if (*pid < 0)
		return rh_err_errno(err, errno, "cannot start %s", p->argv[0]);
	if (*pid == 0)
		child_run(p, &fds, parent, env.v);
	setpgid(*pid, *pid);
	close_fd(&pp->report[1]);
	close_fd(&pp->out[1]);
	close_fd(&pp->err[1]);
	close_fd(&pp->in[0]);
	while (read(pp->report[0], &code, sizeof code) < 0 && errno == EINTR)
		;
	close_fd(&pp->report[0]);
	if (!code)
		return 0;
	reap(*pid);
	*pid = 0;
	return rh_err_errno(err, code, "cannot run %s", p->argv[0]);
}

/* Lines of output: to the caller, or the last few kept for the error text. */
struct lines {
	const struct rh_proc *p;
	struct rh_str part;
	char *tail[TAIL_LINES];
	size_t n;
	bool too_much; /* more output than a capture may hold */
};

static void line_done(struct lines *l)
{
	const char *text = rh_str_text(&l->part);

	if (l->part.len && text[l->part.len - 1] == '\r')
		l->part.data[--l->part.len] = '\0';
	if (l->p->line) {
		l->p->line(l->p->arg, text);
	}
	if (*text) {
		free(l->tail[l->n % TAIL_LINES]);
		l->tail[l->n++ % TAIL_LINES] = rh_xstrdup(text);
	}
	rh_str_free(&l->part);
}

static void lines_feed(struct lines *l, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (data[i] == '\n' || l->part.len > 4096)
			line_done(l);
		if (data[i] != '\n' && data[i])
			rh_str_addc(&l->part, data[i]);
	}
}

static void lines_free(struct lines *l)
{
	rh_str_free(&l->part);
	for (size_t i = 0; i < TAIL_LINES; i++)
		free(l->tail[i]);
}

/* Read what is there; closes the descriptor at its end. */
static void drain(int *fd, struct lines *l, struct rh_str *capture)
{
	char buf[8192];
	ssize_t n = read(*fd, buf, sizeof buf);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		close_fd(fd);
		return;
	}
	if (!capture)
		lines_feed(l, buf, (size_t)n);
	else if (!l->too_much && capture->len + (size_t)n <= CAPTURE_MAX)
		rh_str_addn(capture, buf, (size_t)n);
	else
		l->too_much = true; /* read on, or the child would wait for us for ever */
}

static int decode_status(int raw)
{
	return WIFEXITED(raw) ? WEXITSTATUS(raw) : 256 + WTERMSIG(raw);
}

/* Why the wait ended: 0 the child did, else -EINTR or -ETIMEDOUT (the group has been killed). */
static int wait_output(const struct rh_proc *p, struct pipes *pp, pid_t pid, struct lines *out,
		       struct lines *log, int *status)
{
	int64_t start = now_ms(), killed = 0;
	int why = 0, raw, ended = 0;

	while (!ended || pp->out[0] >= 0 || pp->err[0] >= 0) {
		struct pollfd fds[2] = {{pp->out[0], POLLIN, 0}, {pp->err[0], POLLIN, 0}};
		/* With both pipes closed only the child's end is left to wait for, and poll() does
		 * not tell it. */
		int silent = fds[0].fd < 0 && fds[1].fd < 0;
		int n = poll(fds, 2, ended ? 0 : silent ? END_TICK_MS : TICK_MS);

		if (n > 0 && fds[0].revents)
			drain(&pp->out[0], out, p->capture);
		if (n > 0 && fds[1].revents)
			drain(&pp->err[0], log, NULL);
		if (ended && (n == 0 || (n < 0 && errno != EINTR)))
			break; /* a grandchild may keep the pipe open for ever: do not wait for it
				*/
		if (!ended && waitpid(pid, &raw, WNOHANG) == pid) {
			ended = 1;
			*status = decode_status(raw);
		}
		if (!ended && !why && rh_interrupted())
			why = -EINTR;
		if (!ended && !why && p->timeout_s && now_ms() - start > p->timeout_s * 1000LL)
			why = -ETIMEDOUT;
		if (!ended && why && (!killed || now_ms() - killed > GRACE_MS)) {
			kill(-pid, killed ? SIGKILL : SIGTERM);
			killed = now_ms();
		}
	}
	return why;
}

static void add_tail(struct rh_str *text, const struct lines *l)
{
	size_t first = l->n > TAIL_LINES ? l->n - TAIL_LINES : 0;

	for (size_t i = first; i < l->n; i++)
		rh_str_addf(text, "\n    %.*s", TAIL_WIDTH, l->tail[i % TAIL_LINES]);
}

static int run_result(const struct rh_proc *p, int why, int status, const struct lines *out,
		      const struct lines *log, struct rh_err *err)
{
	RH_STR struct rh_str text = {0};

	if (why == -EINTR)
		return rh_err_set(err, EINTR, "interrupted while %s was running", p->argv[0]);
	if (why == -ETIMEDOUT)
		rh_str_addf(&text, "%s did not end within %d s", p->argv[0], p->timeout_s);
	else if (status >= 256)
		rh_str_addf(&text, "%s was killed by signal %d", p->argv[0], status - 256);
	else if (status)
		rh_str_addf(&text, "%s failed with exit status %d", p->argv[0], status);
	else if (out->too_much)
		return rh_err_set(err, EFBIG, "%s printed more than %u MiB", p->argv[0],
				  CAPTURE_MAX >> 20);
	else
		return 0;
	add_tail(&text, out);
	add_tail(&text, log);
	return rh_err_set(err, why ? -why : ECHILD, "%s", text.data);
}

int rh_proc_run(const struct rh_proc *p, int *status, struct rh_err *err)
{
	struct lines out = {.p = p}, log = {.p = p};
	struct pipes pp;
	int code = 0, why, r;
	pid_t pid = 0;

	r = spawn(p, true, &pp, &pid, err);
	if (r < 0) {
		close_pipes(&pp);
		return r;
	}
	why = wait_output(p, &pp, pid, &out, &log, &code);
	if (out.part.len)
		line_done(&out);
	if (log.part.len)
		line_done(&log);
	if (status)
		*status = code;
	r = run_result(p, why, code, &out, &log, err);
	lines_free(&out);
	lines_free(&log);
	close_pipes(&pp);
	return r;
}

int rh_proc_start(const struct rh_proc *p, pid_t *pid, struct rh_err *err)
{
	struct pipes pp;
	int r = spawn(p, false, &pp, pid, err);

	close_pipes(&pp);
	return r;
}

int rh_proc_poll(pid_t pid, int *status)
{
	int raw;

	if (waitpid(pid, &raw, WNOHANG) != pid)
		return 0;
	if (status)
		*status = decode_status(raw);
	return 1;
}

void rh_proc_stop(pid_t *pid, int grace_ms)
{
	const struct timespec tick = {.tv_nsec = 20 * 1000000};
	int64_t start = now_ms();

	if (*pid <= 0)
		return;
	kill(-*pid, SIGTERM);
	while (!rh_proc_poll(*pid, NULL)) {
		if (now_ms() - start > grace_ms) {
			kill(-*pid, SIGKILL);
			reap(*pid);
			break;
		}
		nanosleep(&tick, NULL);
	}
	*pid = 0;
}

int rh_proc_call(struct rh_err *err, const char *argv0, ...)
{
	const char *argv[64] = {argv0};
	struct rh_proc p = {.argv = argv};
	size_t n = 1;
	va_list ap;

	va_start(ap, argv0);
	while (n < sizeof argv / sizeof *argv - 1 && (argv[n] = va_arg(ap, const char *)))
		n++;
	va_end(ap);
	if (n == sizeof argv / sizeof *argv - 1)
		return rh_err_set(err, E2BIG, "too many arguments for %s", argv0);
	return rh_proc_run(&p, NULL, err);
}

bool rh_proc_find(const char *program)
{
	const char *path = getenv("PATH"), *end;

	if (strchr(program, '/'))
		return access(program, X_OK) == 0;
	for (; path && *path; path = *end ? end + 1 : end) {
		RH_FREE char *full = NULL;

		end = path + strcspn(path, ":");
		full = rh_xasprintf("%.*s/%s", (int)(end - path), path, program);
		if (access(full, X_OK) == 0)
			return true;
	}
	return false;
}
