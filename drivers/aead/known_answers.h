/* SPDX-License-Identifier: BSD-3-Clause */
/* Known answers of AES-GCM: what a back end has to give before it seals anything. */
#pragma once
#include "drivers/aead/aead.h"

/*
 * Seals and opens the test cases of McGrew and Viega's GCM (as NIST's SP 800-38D validation has
 * them) in one part, in two, in place and as a burst, and checks that damage shows. Names the
 * first that fails, or NULL.
 */
const char *dps_aead_check(const struct dps_aead *aead);
