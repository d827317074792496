/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Folder names: whatever the old server has on disk → modified UTF-7 (RFC 3501 §5.1.3), which is
 * what Dovecot keeps on disk.
 */
#pragma once

#include "rootfs/mail/text.h"

bool rh_mutf7_valid(const char *s, size_t n);
/* Well-formed UTF-8 → mUTF-7. */
void rh_mutf7_encode(const char *utf8, size_t n, struct rh_str *out);

enum rh_name_how {
	RH_NAME_KEPT,	 /* was valid mUTF-7 and a name that Dovecot can open */
	RH_NAME_UTF8,	 /* was UTF-8 (Courier 5) */
	RH_NAME_CHARSET, /* was in one of the Japanese charsets */
	RH_NAME_FORCED	 /* parts of it had to be replaced */
};
/* Text in NAME (N bytes) as UTF-8: UTF-8 itself, else ISO-2022-JP, EUC-JP, CP932 by trial; NULL
 * when it is none of them. *CHARSET names which. */
char *rh_text_guess(struct rh_arena *arena, const char *name, size_t n, const char **charset);

/* NAME is the directory's name without its leading dot, e.g. "Sent.2004". The result is at most
 * RH_FOLDER_MAX bytes, has no empty part, no control character, and does not begin with '~'. It is
 * not checked against other folders. *CHARSET names what it was taken for. */
#define RH_FOLDER_MAX 254
char *rh_folder_name(struct rh_arena *arena, const char *name, enum rh_name_how *how,
		     const char **charset);
