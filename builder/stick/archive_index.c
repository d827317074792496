// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Header and index of an archive, to and from bytes; the contract is in archive.h, the format in
 * rehome-archive(5).
 *
 * A stick is read on a machine where nobody can repair it, perhaps years later: so nothing is
 * believed. The header has a digest, and gives the index's; each number of the index is checked
 * against the numbers before it, so that no reader ever leaves the archive, the image or a buffer.
 */
#include "builder/stick/archive.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "lib/core/mem.h"
#include "lib/json.h"

struct header {
	uint32_t skip_magic, skip_size; /* zstd's: a frame that other programs pass over */
	char magic[8];
	uint32_t version, frame_size;
	uint64_t length, image_size, index_at, index_len;
	char index_sha256[64];	/* lower-case hexadecimal digits, as all digests here */
	char header_sha256[64]; /* of all bytes before */
} __attribute__((packed));
_Static_assert(sizeof(struct header) == 184, "rehome-archive(5)");

static void sha256(const void *data, size_t n, char hex[RH_SHA256_HEX])
{
	struct rh_digest *d = rh_digest_new();

	rh_digest_data(d, data, n);
	rh_digest_final(&d, hex);
}

void rh_archive_header_encode(const struct rh_archive_header *h, uint8_t bytes[RH_ARCHIVE_HEADER])
{
	struct header w = {.skip_magic = htole32(RH_ARCHIVE_SKIP_HEAD),
			   .skip_size = htole32(RH_ARCHIVE_HEADER - 8),
			   .version = htole32(RH_ARCHIVE_VERSION),
			   .frame_size = htole32(h->frame_size),
			   .length = htole64(h->length),
			   .image_size = htole64(h->image_size),
			   .index_at = htole64(h->index_at),
			   .index_len = htole64(h->index_len)};
	char hex[RH_SHA256_HEX];

	memcpy(w.magic, RH_ARCHIVE_MAGIC, sizeof w.magic);
	memcpy(w.index_sha256, h->index_sha256, sizeof w.index_sha256);
	sha256(&w, offsetof(struct header, header_sha256), hex);
	memcpy(w.header_sha256, hex, sizeof w.header_sha256);
	memset(bytes, 0, RH_ARCHIVE_HEADER);
	memcpy(bytes, &w, sizeof w);
}

/* Are the numbers of a header whose digest is right ones that we can work with? */
static int check_header(const struct rh_archive_header *h, uint64_t size, struct rh_err *err)
{
	if (h->length > size)
		return rh_err_set(err, EIO,
				  "the archive was cut off: %" PRIu64 " bytes of %" PRIu64
				  " are there: write the stick anew",
				  size, h->length);
	if (h->frame_size < RH_ARCHIVE_FRAME_MIN || h->frame_size > RH_ARCHIVE_FRAME_MAX ||
	    h->frame_size % RH_ARCHIVE_BLOCK || !h->image_size ||
	    h->image_size % RH_ARCHIVE_SECTOR || h->image_size > (uint64_t)INT64_MAX / 2 ||
	    h->length > (uint64_t)INT64_MAX / 2 || h->index_at < RH_ARCHIVE_HEADER + 8 ||
	    h->index_at > h->length || h->index_len > h->length - h->index_at ||
	    h->index_len > RH_ARCHIVE_INDEX_MAX)
		return rh_err_set(err, EINVAL, "the archive's header has impossible numbers");
	return 0;
}

int rh_archive_header_decode(const uint8_t bytes[RH_ARCHIVE_HEADER], uint64_t size,
			     struct rh_archive_header *out, struct rh_err *err)
{
	struct header w;
	char hex[RH_SHA256_HEX];

	memcpy(&w, bytes, sizeof w);
	if (le32toh(w.skip_magic) != RH_ARCHIVE_SKIP_HEAD ||
	    memcmp(w.magic, RH_ARCHIVE_MAGIC, sizeof w.magic) != 0)
		return rh_err_set(err, EINVAL,
				  "there is no archive of a pair: it was never written to its end, "
				  "or this is something else");
	if (le32toh(w.version) != RH_ARCHIVE_VERSION)
		return rh_err_set(err, ENOTSUP, "the archive has version %u, this program reads %u",
				  le32toh(w.version), RH_ARCHIVE_VERSION);
	sha256(bytes, offsetof(struct header, header_sha256), hex);
	if (memcmp(hex, w.header_sha256, sizeof w.header_sha256) != 0)
		return rh_err_set(err, EIO,
				  "the archive's header is damaged: write the stick anew");
	*out = (struct rh_archive_header){.frame_size = le32toh(w.frame_size),
					  .length = le64toh(w.length),
					  .image_size = le64toh(w.image_size),
					  .index_at = le64toh(w.index_at),
					  .index_len = le64toh(w.index_len)};
	memcpy(out->index_sha256, w.index_sha256, sizeof w.index_sha256);
	return check_header(out, size, err);
}

/* --- the index, read --- */

static int bad(struct rh_err *err, const char *what, size_t i)
{
	return rh_err_set(err, EINVAL, "the archive's index is wrong: %s, entry %zu", what, i);
}

/* The array at KEY, or NULL. */
static struct json_object *list(struct json_object *o, const char *key)
{
	struct json_object *l = rh_json_get(o, key);

	return json_object_is_type(l, json_type_array) ? l : NULL;
}

/* Number I of the array L, -1 when it is none or negative. */
static int64_t number(struct json_object *l, size_t i)
{
	struct json_object *o =
	    json_object_is_type(l, json_type_array) ? json_object_array_get_idx(l, i) : NULL;
	int64_t v = json_object_is_type(o, json_type_int) ? json_object_get_int64(o) : -1;

	return v < 0 ? -1 : v;
}

static const char *string(struct json_object *l, size_t i)
{
	struct json_object *o =
	    json_object_is_type(l, json_type_array) ? json_object_array_get_idx(l, i) : NULL;

	return json_object_is_type(o, json_type_string) ? json_object_get_string(o) : "";
}

static bool is_hex(const char *s, size_t n)
{
	return strlen(s) == n && strspn(s, "0123456789abcdef") == n;
}

static int take_text(struct json_object *o, const char *key, char **out, struct rh_err *err)
{
	const char *s = rh_json_str(o, key, "");

	if (strlen(s) > RH_ARCHIVE_TEXT_MAX)
		return bad(err, key, 0);
	*out = rh_xstrdup(s);
	return 0;
}

static int take_digest(struct json_object *o, const char *key, char out[RH_SHA256_HEX],
		       struct rh_err *err)
{
	const char *s = rh_json_str(o, key, "");

	if (!is_hex(s, 64))
		return bad(err, key, 0);
	memcpy(out, s, RH_SHA256_HEX);
	return 0;
}

/* [length] of a frame of zeros, [length, digest] of another. */
static int take_frames(struct json_object *o, const struct rh_archive_header *h,
		       struct rh_archive_index *x, struct rh_err *err)
{
	struct json_object *l = list(o, "frames");
	const size_t n = (size_t)((h->image_size + h->frame_size - 1) / h->frame_size);
	uint64_t at = RH_ARCHIVE_HEADER;

	if (!l || json_object_array_length(l) != n)
		return bad(err, "the number of frames", n);
	x->frames = rh_xalloc(n * sizeof *x->frames);
	for (size_t i = 0; i < n; i++) {
		struct json_object *one = json_object_array_get_idx(l, i);
		struct rh_archive_frame *f = &x->frames[i];
		int64_t len = number(one, 0);

		if (len <= 0 || (uint64_t)len > ZSTD_compressBound(h->frame_size) ||
		    (uint64_t)len > h->index_at - 8 - at)
			return bad(err, "frames", i);
		f->at = at;
		f->len = (uint32_t)len;
		f->zero = json_object_array_length(one) == 1;
		if (!f->zero && !is_hex(string(one, 1), 64))
			return bad(err, "frames", i);
		if (!f->zero)
			memcpy(f->sha256, string(one, 1), RH_SHA256_HEX);
		at += (uint64_t)len;
		x->n_frames++;
	}
	return 0;
}

static int take_data(struct json_object *o, const struct rh_archive_header *h,
		     struct rh_archive_index *x, struct rh_err *err)
{
	struct json_object *l = list(o, "data");
	size_t n = l ? json_object_array_length(l) : 0;
	uint64_t end = 0;

	if (!n)
		return bad(err, "data", 0);
	x->data = rh_xalloc(n * sizeof *x->data);
	for (size_t i = 0; i < n; i++) {
		struct json_object *one = json_object_array_get_idx(l, i);
		int64_t at = number(one, 0), len = number(one, 1);

		if (at < 0 || len <= 0 || (uint64_t)at < end || at % RH_ARCHIVE_SECTOR ||
		    len % RH_ARCHIVE_SECTOR || (uint64_t)at > h->image_size ||
		    (uint64_t)len > h->image_size - (uint64_t)at)
			return bad(err, "data", i);
		end = (uint64_t)(at + len);
		for (uint64_t f = (uint64_t)at / h->frame_size; f <= (end - 1) / h->frame_size; f++)
			if (x->frames[f].zero)
				return bad(err, "data in a frame of zeros", i);
		x->data[x->n_data++] = (struct rh_archive_extent){(uint64_t)at, (uint64_t)len};
	}
	return 0;
}

/* Is the range inside of one extent? Outside of them both disks are zero. */
static bool is_data(const struct rh_archive_index *x, uint64_t at, uint64_t len)
{
	size_t low = 0, high = x->n_data;

	while (low + 1 < high) {
		size_t mid = (low + high) / 2;

		if (x->data[mid].at <= at)
			low = mid;
		else
			high = mid;
	}
	return at >= x->data[low].at && at + len <= x->data[low].at + x->data[low].len;
}

static uint8_t nibble(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static int take_patches(struct json_object *o, const struct rh_archive_header *h,
			struct rh_archive_index *x, struct rh_err *err)
{
	struct json_object *l = list(o, "b");
	size_t n = l ? json_object_array_length(l) : 0;
	uint64_t end = 0, sum = 0;

	if (!l)
		return bad(err, "b", 0);
	x->patches = rh_xalloc((n + 1) * sizeof *x->patches);
	for (size_t i = 0; i < n; i++) {
		struct json_object *one = json_object_array_get_idx(l, i);
		const char *hex = string(one, 1);
		struct rh_archive_patch *p = &x->patches[i];
		int64_t at = number(one, 0);
		size_t len = strlen(hex) / 2;

		sum += len;
		if (at < 0 || (uint64_t)at < end || at % RH_ARCHIVE_SECTOR || !len ||
		    len % RH_ARCHIVE_SECTOR || !is_hex(hex, 2 * len) ||
		    sum > RH_ARCHIVE_PATCH_MAX || (uint64_t)at > h->image_size ||
		    len > h->image_size - (uint64_t)at || !is_data(x, (uint64_t)at, len))
			return bad(err, "b", i);
		end = (uint64_t)at + len;
		*p = (struct rh_archive_patch){(uint64_t)at, (uint32_t)len, rh_xalloc(len)};
		for (size_t k = 0; k < len; k++)
			p->data[k] = (uint8_t)(nibble(hex[2 * k]) << 4 | nibble(hex[2 * k + 1]));
		x->n_patches++;
	}
	return 0;
}

int rh_archive_index_parse(const char *text, size_t len, const struct rh_archive_header *h,
			   struct rh_archive_index *out, struct rh_err *err)
{
	struct rh_archive_index x = {0};
	struct rh_diags d = {0};
	struct rh_json *j = NULL;
	struct json_object *o;
	int r = rh_json_parse(text, len, "the archive's index", &j, &d);

	if (r < 0) {
		rh_err_set(err, EINVAL, "the archive's index, line %u: %s", d.n ? d.v[0].line : 0,
			   d.n ? d.v[0].text : "cannot be read");
		rh_diags_free(&d);
		return -EINVAL;
	}
	o = rh_json_root(j);
	if (!json_object_is_type(o, json_type_object))
		r = bad(err, "no object", 0);
	if (r == 0)
		r = take_text(o, "recipe", &x.recipe, err);
	if (r == 0)
		r = take_text(o, "key", &x.key, err);
	if (r == 0)
		r = take_digest(o, "a.img", x.sha256[0], err);
	if (r == 0)
		r = take_digest(o, "b.img", x.sha256[1], err);
	if (r == 0)
		r = take_frames(o, h, &x, err);
	if (r == 0)
		r = take_data(o, h, &x, err);
	if (r == 0)
		r = take_patches(o, h, &x, err);
	rh_json_free(&j);
	rh_diags_free(&d);
	if (r < 0)
		rh_archive_index_free(&x);
	else
		*out = x;
	return r;
}

void rh_archive_index_free(struct rh_archive_index *x)
{
	for (size_t i = 0; i < x->n_patches; i++)
		free(x->patches[i].data);
	free(x->patches);
	free(x->data);
	free(x->frames);
	free(x->recipe);
	free(x->key);
	*x = (struct rh_archive_index){0};
}

/* --- the index, written --- */

static void put_frames(struct rh_str *s, const struct rh_archive_index *x)
{
	rh_str_add(s, " \"frames\": [");
	for (size_t i = 0; i < x->n_frames; i++) {
		const struct rh_archive_frame *f = &x->frames[i];

		rh_str_addf(s, "%s\n  [%" PRIu32, i ? "," : "", f->len);
		if (!f->zero)
			rh_str_addf(s, ",\"%s\"", f->sha256);
		rh_str_addc(s, ']');
	}
	rh_str_add(s, "],\n \"data\": [");
	for (size_t i = 0; i < x->n_data; i++)
		rh_str_addf(s, "%s\n  [%" PRIu64 ",%" PRIu64 "]", i ? "," : "", x->data[i].at,
			    x->data[i].len);
	rh_str_add(s, "],\n \"b\": [");
	for (size_t i = 0; i < x->n_patches; i++) {
		rh_str_addf(s, "%s\n  [%" PRIu64 ",\"", i ? "," : "", x->patches[i].at);
		for (uint32_t k = 0; k < x->patches[i].len; k++)
			rh_str_addf(s, "%02x", x->patches[i].data[k]);
		rh_str_add(s, "\"]");
	}
	rh_str_add(s, "],\n");
}

int rh_archive_index_text(const struct rh_archive_index *x, const char *manifest,
			  size_t manifest_len, char **out, struct rh_err *err)
{
	RH_STR struct rh_str s = {0};
	struct json_object *o = json_object_new_object();
	const char *head;

	json_object_object_add(o, "recipe", json_object_new_string(x->recipe));
	json_object_object_add(o, "key", json_object_new_string(x->key));
	head = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
	rh_str_addn(&s, head, strlen(head) - 1); /* without its } */
	json_object_put(o);
	rh_str_addf(&s, ",\n \"a.img\": \"%s\",\n \"b.img\": \"%s\",\n", x->sha256[0],
		    x->sha256[1]);
	put_frames(&s, x);
	rh_str_add(&s, " \"manifest\": ");
	rh_str_addn(&s, manifest, manifest_len);
	rh_str_add(&s, "}\n");
	if (s.len > RH_ARCHIVE_INDEX_MAX)
		return rh_err_set(err, EFBIG, "the pair is too large for an archive");
	*out = s.data;
	s = (struct rh_str){0};
	return 0;
}
