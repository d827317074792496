/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replays the corpora without clang, each input whole and cut at every byte.
 *
 * usage: replay DIR		inputs are DIR/TARGET.NAME
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/file.h"
#include "tests/fuzz/targets.h"

static void run(const struct rh_fuzz_target *t, const char *data, size_t n)
{
	uint8_t *copy =
	    malloc(n + 1); /* of its exact size, so that a sanitizer sees a read beyond */
	memcpy(copy, data, n);
	t->fn(copy, n);
	free(copy);
}

static int replay(const struct rh_fuzz_target *t, int dir, const struct rh_strv *names)
{
	int inputs = 0;
	size_t len = strlen(t->name);
	for (size_t i = 0; i < names->n; i++) {
		struct rh_str text = {0};
		struct rh_err err;
		if (strncmp(names->v[i], t->name, len) != 0 || names->v[i][len] != '.')
			continue;
		if (rh_file_read(dir, names->v[i], 1 << 20, &text, &err) < 0) {
			printf("not ok %s: %s\n", t->name, err.text);
			return -1;
		}
		for (size_t n = text.len > 4096 ? text.len : 0; n <= text.len; n++)
			run(t, rh_str_text(&text), n);
		rh_str_free(&text);
		inputs++;
	}
	printf("%s fuzz_%s: %d inputs\n", inputs ? "ok" : "not ok", t->name, inputs);
	return inputs ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct rh_strv names = {0};
	struct rh_err err = {0};
	int bad = 0, dir = open(argc > 1 ? argv[1] : "tests/fuzz/corpus", O_RDONLY | O_DIRECTORY);
	if (dir < 0 || rh_list_dir(dir, ".", &names, &err) < 0) {
		printf("not ok fuzz_corpus: %s\n", err.text);
		return 1;
	}
	for (const struct rh_fuzz_target *t = rh_fuzz_targets; t->name; t++)
		bad |= replay(t, dir, &names) < 0;
	rh_strv_free(&names);
	return bad;
}
