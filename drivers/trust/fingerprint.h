/* SPDX-License-Identifier: BSD-3-Clause */
/* Fingerprint: what a public key is called: SHA-256 of it, as people read and copy it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dps_fingerprint_sizes {
	DPS_FINGERPRINT_BYTES = 32,
	DPS_FINGERPRINT_LENGTH = 7 + 2 * DPS_FINGERPRINT_BYTES, /* "sha256:" and hexadecimal */
	DPS_FINGERPRINT_TEXT_BYTES = DPS_FINGERPRINT_LENGTH + 1,
};

struct dps_fingerprint {
	uint8_t bytes[DPS_FINGERPRINT_BYTES];
};

/* Of a public key as it stands in certificates: SubjectPublicKeyInfo in DER (RFC 5280). */
void dps_fingerprint_make(struct dps_fingerprint *fingerprint, const uint8_t *public_key,
			  size_t bytes);

/* Takes constant time. */
bool dps_fingerprint_is_equal(const struct dps_fingerprint *one,
			      const struct dps_fingerprint *other);

void dps_fingerprint_format(const struct dps_fingerprint *fingerprint,
			    char text[DPS_FINGERPRINT_TEXT_BYTES]);

/* Reads exactly "sha256:" and 64 hexadecimal digits of either case. */
bool dps_fingerprint_parse(struct dps_fingerprint *fingerprint, const char *text, size_t bytes);
