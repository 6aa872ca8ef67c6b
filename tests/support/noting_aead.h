/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Noting: OpenSSL's back end, which notes each nonce that something was sealed with and under which
 * key, and counts keys. For tests of one thread.
 */
#pragma once
#include "drivers/aead/sealed.h"

enum { NOTING_USES_MAX = 1 << 16 };

extern const struct dps_aead noting;

/* Around each test: forgets all; fails unless every key was given back. */
int noting_begin(void **state);
int noting_end(void **state);

unsigned int noting_uses(void);
/* That have memory, and that were made out of a secret. */
unsigned int noting_keys(void);
unsigned int noting_changes(void);

/* Of all that was sealed. */
void noting_assert_no_nonce_twice(void);

/* Two ends of a path. */
struct sealed_ends {
	struct dps_sealed *one, *other;
	struct dps_seal *a, *b;
};

/* The seed tells paths apart. */
void sealed_ends_open(struct sealed_ends *ends, const struct dps_aead *aead, uint8_t seed);
void sealed_ends_close(struct sealed_ends *ends);
