/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/privilege/rights.h"
#include "drivers/privilege/dump.h"
#include "drivers/privilege/each_thread.h"
#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct drop {
	dps_rights kept;
	const struct dps_rights_user *user;
};

/* ---- on each thread: libcap-ng allocates and reads /proc, which a handler may not ---- */

static int get(struct __user_cap_data_struct parts[2])
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capget, &header, parts) == 0 ? 0 : -errno;
}

static int set(dps_rights rights)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct parts[2] = {
		{ .effective = (uint32_t)rights, .permitted = (uint32_t)rights },
		{ .effective = (uint32_t)(rights >> 32), .permitted = (uint32_t)(rights >> 32) },
	};

	return syscall(SYS_capset, &header, parts) == 0 ? 0 : -errno;
}

/* Only who may change it needs to: for others no_new_privs says the same. */
static int shrink_bounds(dps_rights kept)
{
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
		if (kept & DPS_RIGHT(capability))
			continue;
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
			return errno == EPERM ? 0 : -errno;
	}
	return 0;
}

/* By system calls: the C library's functions would change all threads, and once for each. */
static int become(const struct dps_rights_user *user)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 ||
	    syscall(SYS_setgroups, user->groups_count, user->groups) != 0 ||
	    syscall(SYS_setresgid, user->group, user->group, user->group) != 0 ||
	    syscall(SYS_setresuid, user->user, user->user, user->user) != 0 ||
	    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0)
		return -errno;
	return 0;
}

static int drop_here(void *context)
{
	const struct drop *drop = context;
	struct __user_cap_data_struct had[2];
	int err = get(had);

	/* Shrinking needs a right of its own, which may be one to go. */
	if (err == 0)
		err = shrink_bounds(drop->kept);
	if (err == 0 && drop->user)
		err = become(drop->user);
	if (err == 0) /* ambient ones go with those they stand on */
		err = set(drop->kept & ((dps_rights)had[1].permitted << 32 | had[0].permitted));
	if (err == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		err = -errno;
	return err;
}

/* ---- the whole process ---- */

static void name_left(const struct dps_each_thread *each, char *sentence)
{
	size_t used;

	if (each->left_count == 0)
		return;
	used = (size_t)snprintf(sentence, DPS_RIGHTS_SENTENCE_BYTES,
				"%u threads of a library take no signals and keep the rights they "
				"have:",
				each->left_count);
	for (unsigned int i = 0; i < each->left_count && i < DPS_EACH_THREAD_LEFT_MAX; i++)
		used += (size_t)snprintf(sentence + used, DPS_RIGHTS_SENTENCE_BYTES - used, " %s",
					 each->left[i]);
}

int dps_rights_drop(dps_rights kept, const struct dps_rights_user *user,
		    char sentence[DPS_RIGHTS_SENTENCE_BYTES])
{
	struct drop drop = { .kept = kept, .user = user };
	struct dps_each_thread each = { .run = drop_here, .context = &drop };
	int err = dps_each_thread_run(&each);

	sentence[0] = '\0';
	if (err == 0 && user) /* a new user is a new beginning for this */
		err = dps_dump_forbid();
	if (err == 0)
		name_left(&each, sentence);
	else
		snprintf(sentence, DPS_RIGHTS_SENTENCE_BYTES,
			 "rights that are not needed cannot be given up by every thread: %s",
			 strerror(-err));
	return err;
}

dps_rights dps_rights_held(void)
{
	struct __user_cap_data_struct parts[2];

	if (get(parts) < 0)
		return 0;
	return (dps_rights)parts[1].permitted << 32 | parts[0].permitted;
}

bool dps_rights_are_known(int capability)
{
	return prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
}

void dps_rights_format(dps_rights rights, char text[DPS_RIGHTS_TEXT_BYTES])
{
	size_t used = 0;

	snprintf(text, DPS_RIGHTS_TEXT_BYTES, "none");
	for (unsigned int i = 0; i < 64 && used < DPS_RIGHTS_TEXT_BYTES; i++) {
		const char *name = rights >> i & 1 ? capng_capability_to_name(i) : NULL;

		if (name)
			used += (size_t)snprintf(text + used, DPS_RIGHTS_TEXT_BYTES - used, "%s%s",
						 used > 0 ? ", " : "", name);
	}
}
