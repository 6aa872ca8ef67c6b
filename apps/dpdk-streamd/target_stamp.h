/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Target stamp: whether a file under its final name is the one that was digested, told without
 * reading it.
 *
 * Size and mtime can be set by whoever writes, the time of the last change of an inode cannot. The
 * stamp has the form of a digest since it stands in the journal where other files have one; it is
 * compared and means nothing else.
 */
#pragma once
#include <dps/types.h>

/* Of an open file: its inode and when that last changed; below one folder, so of one device. 0 or
 * -errno of fstat(). */
int dps_target_stamp_of_fd(int fd, struct dps_digest *stamp);
