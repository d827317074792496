// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LVM2's on-disk format, "lvm2" text metadata; the contract is in lvm.h.
 *
 *   0x000   nothing
 *   0x200   label: "LABELONE", where it lies, checksum, then the PV header: its identifier, its
 *           size, a list of data areas, a list of metadata areas (each ends with a zero entry), and
 *           an extension that says that the PV belongs to a group
 *   0x1000  metadata area: header with the place and checksum of the current text
 *   0x1200  the text: the group, its volumes and their extents
 *   1 MiB   the first extent
 *
 * (lib/format_text/layout.h and lib/label/label.c of LVM2.) The area is a ring: LVM writes each new
 * text behind the last and then changes the header, so ours is simply the first in it.
 *
 * LVM's checksum is CRC-32 with a start value of its own and without the final inversion.
 */
#include "builder/lvm.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <zlib.h>

#define INITIAL_CRC    0xf597a6cfu
#define LABEL_AT       512u
#define AREA_AT	       4096u
#define AREA_HEADER    512u
#define EXTENT_SECTORS 8192u /* 4 MiB */
#define HEAD_SECTORS   (RH_LVM_HEAD_BYTES / RH_SECTOR)
#define ID_TEXT	       39 /* 32 characters, 6 dashes and the NUL */

struct disk_area { /* bytes */
	uint64_t offset, size;
} __attribute__((packed));

struct label {
	char id[8];
	uint64_t sector;
	uint32_t crc; /* of all that follows in the sector */
	uint32_t offset;
	char type[8];
	/* PV header */
	char pv_id[32];
	uint64_t pv_size;
	struct disk_area data[2], metadata[2];
	uint32_t extension_version, extension_flags;
	struct disk_area boot_loader[1];
	uint8_t rest[RH_SECTOR - 160];
} __attribute__((packed));
_Static_assert(sizeof(struct label) == RH_SECTOR, "LABEL_SIZE");

struct area_header {
	uint32_t crc; /* of all that follows in the sector */
	char magic[16];
	uint32_t version;
	uint64_t start, size;
	struct {
		uint64_t offset, size; /* the offset is from the area's start */
		uint32_t crc, flags;
	} __attribute__((packed)) text[2];
	uint8_t rest[AREA_HEADER - 88];
} __attribute__((packed));
_Static_assert(sizeof(struct area_header) == AREA_HEADER, "MDA_HEADER_SIZE");

static uint32_t checksum(const void *data, size_t n)
{
	return ~(uint32_t)crc32(~INITIAL_CRC & 0xffffffff, data, (uInt)n);
}

/* LVM's identifiers are 32 letters and digits; hexadecimal ones are as good as any. */
static void id_digits(const struct rh_uuid *u, char out[32])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 16; i++) {
		out[2 * i] = digits[u->b[i] >> 4];
		out[2 * i + 1] = digits[u->b[i] & 15];
	}
}

/* In the text they stand in groups of 6, 4, 4, 4, 4, 4 and 6. */
static void id_text(const struct rh_uuid *u, char out[ID_TEXT])
{
	char digits[32];

	id_digits(u, digits);
	for (int i = 0; i < 32; i++) {
		if (i == 6 || (i > 6 && i < 30 && i % 4 == 2))
			*out++ = '-';
		*out++ = digits[i];
	}
	*out = '\0';
}

void rh_lvm_group(const struct rh_layout *l, const char *seed, uint64_t time, struct rh_lvm *out)
{
	const struct {
		const char *name, *what;
		uint64_t bytes;
	} volumes[RH_LVM_VOLUMES] = {
	    {"root", "lv-root", l->root}, {"var", "lv-var", l->var}, {"swap", "lv-swap", l->swap}};
	const uint64_t extent = (uint64_t)EXTENT_SECTORS * RH_SECTOR;

	*out = (struct rh_lvm){.name = "rehome",
			       .pv = rh_ident(seed, "lvm-pv"),
			       .vg = rh_ident(seed, "lvm-vg"),
			       .sectors = l->data[RH_PART_PV].count,
			       .time = time};
	for (size_t i = 0; i < RH_LVM_VOLUMES; i++)
		if (volumes[i].bytes)
			out->volumes[out->n++] =
			    (struct rh_lvm_volume){volumes[i].name, rh_ident(seed, volumes[i].what),
						   (volumes[i].bytes + extent - 1) / extent};
}

static void add_volume(struct rh_str *s, const struct rh_lvm *v, const struct rh_lvm_volume *lv,
		       uint64_t at)
{
	char id[ID_TEXT];

	id_text(&lv->uuid, id);
	rh_str_addf(s,
		    "\n%s {\nid = \"%s\"\nstatus = [\"READ\", \"WRITE\", \"VISIBLE\"]\n"
		    "flags = []\ncreation_time = %" PRIu64 "\ncreation_host = \"rehome\"\n"
		    "segment_count = 1\n\nsegment1 {\nstart_extent = 0\n"
		    "extent_count = %" PRIu64 "\n\ntype = \"striped\"\nstripe_count = 1\n\n"
		    "stripes = [\n\"pv0\", %" PRIu64 "\n]\n}\n}\n",
		    lv->name, id, v->time, lv->extents, at);
}

static void metadata_text(const struct rh_lvm *v, struct rh_str *s)
{
	char pv[ID_TEXT], vg[ID_TEXT];
	uint64_t at = 0;

	id_text(&v->pv, pv);
	id_text(&v->vg, vg);
	rh_str_addf(s,
		    "%s {\nid = \"%s\"\nseqno = 1\nformat = \"lvm2\"\n"
		    "status = [\"RESIZEABLE\", \"READ\", \"WRITE\"]\nflags = []\n"
		    "extent_size = %u\nmax_lv = 0\nmax_pv = 0\nmetadata_copies = 0\n\n",
		    v->name, vg, EXTENT_SECTORS);
	/* "device" is only a hint for people; the PV is found by its identifier. */
	rh_str_addf(s,
		    "physical_volumes {\n\npv0 {\nid = \"%s\"\ndevice = \"/dev/md/pv\"\n\n"
		    "status = [\"ALLOCATABLE\"]\nflags = []\ndev_size = %" PRIu64 "\n"
		    "pe_start = %u\npe_count = %" PRIu64 "\n}\n}\n\n",
		    pv, v->sectors, HEAD_SECTORS, (v->sectors - HEAD_SECTORS) / EXTENT_SECTORS);
	rh_str_add(s, "logical_volumes {\n");
	for (size_t i = 0; i < v->n; i++) {
		add_volume(s, v, &v->volumes[i], at);
		at += v->volumes[i].extents;
	}
	rh_str_addf(s,
		    "}\n\n}\n# Generated by rehome build\n\n"
		    "contents = \"Text Format Volume Group\"\nversion = 1\n\n"
		    "description = \"Written by rehome build\"\n\n"
		    "creation_host = \"rehome\"\ncreation_time = %" PRIu64 "\n\n",
		    v->time);
}

static void put_label(const struct rh_lvm *v, uint8_t *at)
{
	struct label l = {
	    .id = "LABELONE",
	    .sector = htole64(LABEL_AT / RH_SECTOR),
	    .offset = htole32(32),
	    .type = "LVM2 001",
	    .pv_size = htole64(v->sectors * RH_SECTOR),
	    .data = {{htole64(RH_LVM_HEAD_BYTES), 0}}, /* to the end */
	    .metadata = {{htole64(AREA_AT), htole64(RH_LVM_HEAD_BYTES - AREA_AT)}},
	    .extension_version = htole32(2),
	    .extension_flags = htole32(1), /* in use by a group */
	};

	id_digits(&v->pv, l.pv_id);
	l.crc = htole32(checksum(&l.offset, sizeof l - offsetof(struct label, offset)));
	memcpy(at, &l, sizeof l);
}

int rh_lvm_encode(const struct rh_lvm *v, uint8_t out[RH_LVM_HEAD_BYTES], struct rh_err *err)
{
	struct area_header h = {
	    .magic = " LVM2 x[5A%r0N*>",
	    .version = htole32(1),
	    .start = htole64(AREA_AT),
	    .size = htole64(RH_LVM_HEAD_BYTES - AREA_AT),
	};
	RH_STR struct rh_str text = {0};
	uint64_t need = 0;

	for (size_t i = 0; i < v->n; i++)
		need += v->volumes[i].extents;
	if (v->sectors < HEAD_SECTORS || need > (v->sectors - HEAD_SECTORS) / EXTENT_SECTORS)
		return rh_err_set(err, ENOSPC,
				  "the volumes of %s need %" PRIu64
				  " MiB, more than there is in the physical volume",
				  v->name, need * EXTENT_SECTORS / RH_ALIGN);
	metadata_text(v, &text);
	memset(out, 0, RH_LVM_HEAD_BYTES);
	put_label(v, out + LABEL_AT);
	/* Its final NUL belongs to the text. */
	memcpy(out + AREA_AT + AREA_HEADER, text.data, text.len + 1);
	h.text[0].offset = htole64(AREA_HEADER);
	h.text[0].size = htole64(text.len + 1);
	h.text[0].crc = htole32(checksum(text.data, text.len + 1));
	h.crc = htole32(checksum(h.magic, sizeof h - offsetof(struct area_header, magic)));
	memcpy(out + AREA_AT, &h, sizeof h);
	return 0;
}
