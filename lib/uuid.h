/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 16 bytes that name a disk, a partition, an array or a member, and their texts. Pure: no I/O. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RH_UUID_TEXT 37 /* 36 characters and the NUL */

struct rh_uuid {
	uint8_t b[16]; /* in the order of the text form (RFC 9562 §4) */
};

void rh_uuid_text(const struct rh_uuid *u, char out[RH_UUID_TEXT]);
/* As mdadm writes it: 4 groups of 8 digits with colons. */
void rh_uuid_md_text(const struct rh_uuid *u, char out[RH_UUID_TEXT]);
bool rh_uuid_equal(const struct rh_uuid *a, const struct rh_uuid *b);
bool rh_uuid_is_zero(const struct rh_uuid *u);
