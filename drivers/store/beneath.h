/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Beneath: opens names under a folder without ever leaving it and without following a symlink.
 * openat2(2) with RESOLVE_BENEATH, NO_SYMLINKS and NO_MAGICLINKS; there is no weaker fallback.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

enum dps_wish {
	DPS_WISH_CACHED,
	DPS_WISH_DIRECT, /* O_DIRECT where file system and device take pages as they are */
};

/*
 * Like openat(2), with O_CLOEXEC. Returns a descriptor or -errno: -ENOSYS before Linux 5.6,
 * -ELOOP where a symlink stands, -EXDEV when the name would leave. Any thread.
 */
int dps_beneath_open(int folder_fd, const char *name, int flags, mode_t mode);

/* The same, with O_DIRECT when wished and possible; *is_direct says what came of it. */
int dps_beneath_open_wish(int folder_fd, const char *name, int flags, mode_t mode,
			  enum dps_wish wish, bool *is_direct);

/* Opens a regular file for reading; -EINVAL when it is anything else. Never waits for a FIFO. */
int dps_beneath_open_regular(int folder_fd, const char *name, enum dps_wish wish, bool *is_direct);

/*
 * Opens a folder for reading, making it and its parents as needed (mode 0777 less umask); name may
 * be "" for folder_fd itself. on_made is called with each folder in which one was made, and
 * borrows the descriptor. Returns a descriptor or -errno. Any thread.
 */
int dps_beneath_make_folder(int folder_fd, const char *name,
			    void (*on_made)(void *context, int parent_fd), void *context);
