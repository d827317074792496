// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reader of the serial console. See console.h.
 *
 * Invariant: all decisions are made at a newline or at a space that ends a prompt, never at the end
 * of a piece, so that the cut of the input does not matter.
 * Trap: firmware and GRUB place their text with escape sequences and without newlines; systemd also
 * sends OSC strings (ESC ] … BEL or ESC \). A line is cut at LINE_MAX_BYTES.
 */
#include "builder/console.h"

#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 1024

enum { PLAIN, ESC, CSI, OSC, OSC_ESC, CHARSET };

/* Signs that nothing more will come. Whole or partial lines. */
static const struct {
	const char *sign, *text;
} fatal[] = {
    {"Kernel panic - not syncing", "the kernel panicked"},
    {"kernel BUG at", "the kernel hit a bug"},
    {"Oops: ", "the kernel oopsed"},
    {"rdsosreport.txt", "the initramfs gave up and opened its emergency shell"},
    {"Entering emergency mode", "the system entered emergency mode"},
    {"You are in emergency mode", "the system entered emergency mode"},
    {"Press Enter for maintenance", "the system asks for maintenance"},
    {"grub rescue> ", "GRUB found neither its modules nor its configuration"},
    {"Minimal BASH-like line editing", "GRUB found no configuration"},
    {"UEFI Interactive Shell", "the firmware found nothing to boot"},
    {"No bootable option or device was found", "the firmware found nothing to boot"},
    {"No bootable device.", "the firmware found nothing to boot"},
};

void rh_console_init(struct rh_console *c)
{
	*c = (struct rh_console){.import_exit = -1};
}

static void set(char **dest, const char *text)
{
	free(*dest);
	*dest = rh_xstrdup(text);
}

/* The rest of TEXT after PREFIX, or NULL. */
static const char *after(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

static void check_fatal(struct rh_console *c, const char *text)
{
	if (c->dead)
		return;
	for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
		if (strstr(text, fatal[i].sign)) {
			c->dead = rh_xasprintf("%s (\"%s\")", fatal[i].text, text);
			return;
		}
}

/* What rehome-setup says, without its name. */
static void statement(struct rh_console *c, const char *text)
{
	const char *rest;
	char *end;

	if ((rest = after(text, "step "))) {
		unsigned long step = strtoul(rest, &end, 10), steps;

		if (end == rest || *end != '/')
			return;
		steps = strtoul(end + 1, &end, 10);
		if (*end != ' ' || step > 9999 || steps > 9999)
			return;
		c->step = (unsigned)step;
		c->steps = (unsigned)steps;
		set(&c->step_name, end + 1);
	} else if ((rest = after(text, "state "))) {
		set(&c->state, rest);
		if (strcmp(rest, "unconfigured") != 0)
			c->closed = true;
		if (strcmp(rest, "importing") == 0)
			c->importing = true;
	} else if ((rest = after(text, "certificate SHA-256 "))) {
		set(&c->cert, rest);
	} else if ((rest = after(text, "ssh-host-key ssh-ed25519 "))) {
		set(&c->hostkey, rest);
	} else if ((rest = after(text, "import exit "))) {
		long code = strtol(rest, &end, 10);

		if (end != rest && code >= 0 && code < 512)
			c->import_exit = (int)code;
	} else if ((rest = after(text, "failed: ")) && !c->failed) {
		set(&c->failed, rest);
	}
}

/* "rehome-setup: …", "rehome-setup[12]: …" and the same of rehome-import, anywhere in the line. */
static void find_statement(struct rh_console *c, const char *line)
{
	static const char *const programs[] = {"rehome-setup", "rehome-import"};

	for (size_t i = 0; i < 2; i++) {
		const char *at = strstr(line, programs[i]);

		if (!at)
			continue;
		at += strlen(programs[i]);
		if (*at == '[') {
			at += 1 + strspn(at + 1, "0123456789");
			if (*at == ']')
				at++;
		}
		if (at[0] == ':' && at[1] == ' ') {
			statement(c, at + 2);
			return;
		}
	}
}

static void end_line(struct rh_console *c)
{
	char *text = c->line.data;

	if (!text)
		return;
	while (c->line.len > 0 && text[c->line.len - 1] == ' ')
		text[--c->line.len] = '\0';
	if (c->line.len > 0) {
		size_t slot = c->n_lines++ % RH_CONSOLE_TAIL;

		set(&c->tail[slot], text);
		set(&c->last, text);
		if (strstr(text, "Linux version "))
			c->kernel = true;
		check_fatal(c, text);
		find_statement(c, text);
	}
	c->line.len = 0;
	text[0] = '\0';
}

/* A prompt ends with a space and no newline. */
static void check_prompt(struct rh_console *c)
{
	static const char sign[] = " login: ", unlike[] = "Last login: ";
	const char *text = c->line.data;
	size_t len = c->line.len, n = sizeof sign - 1, m = sizeof unlike - 1;

	if (len > n && strcmp(text + len - n, sign) == 0 &&
	    !(len >= m && strcmp(text + len - m, unlike) == 0))
		c->login = true;
	else if (len >= 2 && text[len - 2] == '>')
		check_fatal(c, text);
}

static void text_byte(struct rh_console *c, unsigned char b)
{
	if (b == '\n') {
		end_line(c);
	} else if (b >= 0x20 && b != 0x7f) {
		rh_str_addc(&c->line, (char)b);
		if (b == ' ')
			check_prompt(c);
		if (c->line.len >= LINE_MAX_BYTES)
			end_line(c);
	}
}

/* Everything that is not text: ECMA-48 control sequences and strings. */
static void escape_byte(struct rh_console *c, unsigned char b)
{
	switch (c->escape) {
	case ESC:
		if (b == '[')
			c->escape = CSI;
		else if (b == ']' || b == 'P' || b == 'X' || b == '^' || b == '_')
			c->escape = OSC;
		else if (b >= 0x20 && b <= 0x2f)
			c->escape = CHARSET;
		else
			c->escape = PLAIN;
		break;
	case CSI:
		if (b >= 0x40 && b <= 0x7e)
			c->escape = PLAIN;
		break;
	case OSC: /* also ended by a newline, or lost bytes would swallow the rest */
		if (b == 0x1b)
			c->escape = OSC_ESC;
		else if (b == 0x07 || b == '\n')
			c->escape = PLAIN;
		break;
	case OSC_ESC:
	case CHARSET:
	default:
		c->escape = PLAIN;
	}
}

void rh_console_feed(struct rh_console *c, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char b = (unsigned char)data[i];

		if (c->escape == PLAIN && b == 0x1b)
			c->escape = ESC;
		else if (c->escape != PLAIN)
			escape_byte(c, b);
		else
			text_byte(c, b);
	}
}

void rh_console_tail(const struct rh_console *c, struct rh_str *out)
{
	size_t first = c->n_lines > RH_CONSOLE_TAIL ? c->n_lines - RH_CONSOLE_TAIL : 0;

	for (size_t i = first; i < c->n_lines; i++)
		rh_str_addf(out, "%s\n", c->tail[i % RH_CONSOLE_TAIL]);
	if (c->line.len > 0)
		rh_str_addf(out, "%s\n", c->line.data);
}

void rh_console_free(struct rh_console *c)
{
	free(c->step_name);
	free(c->state);
	free(c->cert);
	free(c->hostkey);
	free(c->failed);
	free(c->dead);
	free(c->last);
	for (size_t i = 0; i < RH_CONSOLE_TAIL; i++)
		free(c->tail[i]);
	rh_str_free(&c->line);
	rh_console_init(c);
}
