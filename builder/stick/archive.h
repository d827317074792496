/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The archive in which a pair travels on a stick: reading it. The format is rehome-archive(5);
 * builder/stick/pack.h writes it.
 *
 * Both images are one sequence of bytes with a few sectors exchanged, so the archive holds disk a
 * in independent zstd frames, and of disk b what differs. Everything has a digest: a frame that
 * does not match is an error, never data.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/err.h"
#include "lib/digest.h"

#define RH_ARCHIVE_VERSION    1
#define RH_ARCHIVE_HEADER     4096u	  /* bytes, the whole skippable frame */
#define RH_ARCHIVE_ALIGN      (1u << 20)  /* an archive's length is a multiple of it */
#define RH_ARCHIVE_FRAME      (4u << 20)  /* bytes of the image in one frame */
#define RH_ARCHIVE_FRAME_MIN  (64u << 10) /* what a reader accepts */
#define RH_ARCHIVE_FRAME_MAX  (64u << 20)
#define RH_ARCHIVE_BLOCK      (64u << 10) /* data extents are made of such blocks */
#define RH_ARCHIVE_PATCH_MAX  (1u << 20)  /* bytes in which disk b may differ, in all */
#define RH_ARCHIVE_SECTOR     512u
#define RH_ARCHIVE_INDEX_MAX  (16u << 20)    /* as RH_JSON_MAX */
#define RH_ARCHIVE_TEXT_MAX   256u	     /* of a name or key */
#define RH_ARCHIVE_MAGIC      "RHPAIR\x1a\n" /* 8 bytes */
#define RH_ARCHIVE_SKIP_HEAD  0x184D2A50u    /* skippable frames of zstd (RFC 8878 §3.1.2) */
#define RH_ARCHIVE_SKIP_INDEX 0x184D2A51u
#define RH_ARCHIVE_SKIP_PAD   0x184D2A52u

/* What the header says; numbers in bytes from the archive's first. */
struct rh_archive_header {
	uint32_t frame_size;
	uint64_t length, image_size, index_at, index_len;
	char index_sha256[RH_SHA256_HEX];
};

struct rh_archive_frame {
	uint64_t at; /* in the archive */
	uint32_t len;
	bool zero;		    /* of the image's bytes: then there is no digest */
	char sha256[RH_SHA256_HEX]; /* of the image's bytes */
};

/* Bytes of the image. */
struct rh_archive_extent {
	uint64_t at, len;
};

/* What disk b has instead; whole sectors. */
struct rh_archive_patch {
	uint64_t at;
	uint32_t len;
	uint8_t *data;
};

struct rh_archive_index {
	char *recipe, *key; /* of the manifest: the recipe's name, the digest of all inputs */
	char sha256[2][RH_SHA256_HEX]; /* of a.img and b.img whole, as in SHA256SUMS */
	struct rh_archive_frame *frames;
	struct rh_archive_extent *data;	  /* sorted; all outside of them is zero on both disks */
	struct rh_archive_patch *patches; /* sorted */
	size_t n_frames, cap_frames, n_data, cap_data, n_patches, cap_patches;
};

/* --- pure: bytes to structs, any bytes may be given --- */

/* SIZE is of the file or partition that holds the archive; it may be longer than the archive. */
RH_CHECKED int rh_archive_header_decode(const uint8_t bytes[RH_ARCHIVE_HEADER], uint64_t size,
					struct rh_archive_header *out, struct rh_err *err);
void rh_archive_header_encode(const struct rh_archive_header *h, uint8_t bytes[RH_ARCHIVE_HEADER]);
/* OUT is to be freed only when this succeeds. */
RH_CHECKED int rh_archive_index_parse(const char *text, size_t len,
				      const struct rh_archive_header *h,
				      struct rh_archive_index *out, struct rh_err *err);
/* The text; MANIFEST is the pair's manifest.json. The caller frees it. */
RH_CHECKED int rh_archive_index_text(const struct rh_archive_index *x, const char *manifest,
				     size_t manifest_len, char **out, struct rh_err *err);
void rh_archive_index_free(struct rh_archive_index *x);

/* --- an open archive; not for two threads at once --- */

struct rh_archive;

/* Opens PATH (a file or a partition) read-only, checks header and index. */
RH_CHECKED int rh_archive_open(const char *path, struct rh_archive **out, struct rh_err *err);
void rh_archive_close(struct rh_archive **a);
const struct rh_archive_header *rh_archive_header(const struct rh_archive *a);
const struct rh_archive_index *rh_archive_index(const struct rh_archive *a);

/* N bytes at AT of disk MEMBER (0: a, 1: b) into BUF, each frame checked against its digest. */
RH_CHECKED int rh_archive_read(struct rh_archive *a, unsigned member, uint64_t at, void *buf,
			       size_t n, struct rh_err *err);
/* Read and check every frame. TICK gets the bytes of the image done; a negative errno ends it. */
RH_CHECKED int rh_archive_check(struct rh_archive *a,
				int (*tick)(void *arg, uint64_t pos, struct rh_err *err), void *arg,
				struct rh_err *err);
