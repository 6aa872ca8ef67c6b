/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rights: what the process may do beyond what every user may (Linux capabilities, capabilities(7)),
 * and as whom. They are given up once all is open that needs them, on every thread, for good.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	DPS_RIGHTS_TEXT_BYTES = 1024,
	DPS_RIGHTS_SENTENCE_BYTES = 512,
};

/* A set of capabilities, by their numbers in <linux/capability.h>. */
typedef uint64_t dps_rights;
#define DPS_RIGHT(capability) (UINT64_C(1) << (capability))

/* Whom the process becomes; lent. */
struct dps_rights_user {
	uid_t user;
	gid_t group;
	const gid_t *groups; /* its supplementary ones */
	size_t groups_count;
};

/* What the calling thread has and could use (the permitted set). */
dps_rights dps_rights_held(void);

/* Whether this kernel knows the capability. */
bool dps_rights_are_known(int capability);

/*
 * From now on every thread of the process has no rights but those in kept that it has already, can
 * get none back (the bounding set shrinks to them, where that is allowed; no_new_privs; nothing is
 * inherited by what it would execute), and, with user, is that user; rights that are kept survive
 * the change. Returns 0 or -errno; sentence then says what could not be given up and by which
 * threads, and is otherwise empty, or names threads that take no signals and keep what they have.
 */
int dps_rights_drop(dps_rights kept, const struct dps_rights_user *user,
		    char sentence[DPS_RIGHTS_SENTENCE_BYTES]);

/* "net_raw, dac_override", or "none". */
void dps_rights_format(dps_rights rights, char text[DPS_RIGHTS_TEXT_BYTES]);
