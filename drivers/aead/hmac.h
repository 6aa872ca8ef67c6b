/* SPDX-License-Identifier: BSD-3-Clause */
/* HMAC: keyed hash (RFC 2104) over SHA-256, for the key schedule. Any thread. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { DPS_HMAC_BYTES = 32 };

/*
 * Takes no memory from a heap and leaves nothing of the key on the stack: OpenSSL's own HMAC
 * allocates several times a call (3.0), and a lane may not. key_bytes is at most 64.
 */
void dps_hmac_sha256(const uint8_t *key, size_t key_bytes, const uint8_t *bytes, size_t count,
		     uint8_t to[DPS_HMAC_BYTES]);
