/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The old server's tree, read-only.
 *
 * Paths are absolute on the old server ("/home/vpopmail/…") and are resolved inside the tree that
 * was opened: a symbolic link or ".." in the data can never lead outside (openat2,
 * RESOLVE_IN_ROOT). Names inside a directory that is already open are opened without following
 * links. Nothing here can write: every descriptor is O_RDONLY, with O_NOATIME where allowed.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "lib/core/err.h"
#include "lib/core/mem.h"

/* Largest state file of a folder that is read (600,000 messages need about 60 MiB). */
#define RH_STATE_FILE_MAX (512u * 1024 * 1024)

RH_CHECKED int rh_source_open(const char *root, int *fd, struct rh_err *err);
/* A directory by its absolute path on the old server; *FD is for reading. Returns -errno (-ENOENT,
 * -ENOTDIR, …) with text. */
RH_CHECKED int rh_source_dir(int root, const char *path, int *fd, struct rh_err *err);
/* The real path of the open FD below ROOT, as the old server saw it. */
RH_CHECKED int rh_source_real(int root, int fd, struct rh_str *out, struct rh_err *err);

/* A name inside DIR; regular files only, links not followed. -ELOOP for a link. */
RH_CHECKED int rh_source_file(int dir, const char *name, int *fd);
RH_CHECKED int rh_source_subdir(int dir, const char *name, int *fd);
/* The whole of a regular file inside DIR. -errno, ERR filled; -ENOENT is not remarkable. */
RH_CHECKED int rh_source_read(int dir, const char *name, struct rh_str *out, struct rh_err *err);
/* A link inside DIR (itself at PATH): opens the regular file it leads to if that lies below BELOW
 * on the old server; -EXDEV otherwise. */
RH_CHECKED int rh_source_link(int root, const char *path, const char *name, const char *below,
			      int *fd);

struct rh_dirent {
	const char *name;
	ino_t ino;
	unsigned char type; /* DT_… ; never DT_UNKNOWN */
};
struct rh_dirlist {
	struct rh_dirent *v;
	size_t n, cap;
};
/* The entries of the open directory DIR, without "." and "..", in directory order; names in ARENA.
 * DIR stays open. */
RH_CHECKED int rh_source_list(struct rh_arena *arena, int dir, struct rh_dirlist *out,
			      struct rh_err *err);
void rh_dirlist_sort(struct rh_dirlist *l); /* by name, bytewise */
void rh_dirlist_free(struct rh_dirlist *l);
