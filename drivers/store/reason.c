/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/reason.h"
#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct {
	int error;
	const char *text;
} reasons[] = {
	{ -EACCES, "may not be accessed by this user" },
	{ -EDQUOT, "does not fit: the disk quota is used up" },
	{ -EEXIST, "exists already" },
	{ -EFBIG, "is larger than a file may be here" },
	{ -EILSEQ, "comes back from the disk as other bytes than were written; look at the disk" },
	{ -EIO, "cannot be read or written: the disk reports an error" },
	{ -EISDIR, "is a folder" },
	{ -ELOOP, "is or passes through a symlink" },
	{ -EMFILE, "cannot be opened: too many open files (raise ulimit -n)" },
	{ -ENAMETOOLONG, "has too long a name" },
	{ -ENOENT, "does not exist" },
	{ -ENOSPC, "does not fit: no space left on the disk" },
	{ -ENOSYS, "cannot be opened safely: openat2() needs Linux 5.6 or newer" },
	{ -ENOTDIR, "has a file where a folder is needed" },
	{ -EPERM, "may not be changed by this user" },
	{ -EROFS, "is on a read-only file system" },
	{ -ESTALE, "changed while it was read" },
	{ -EXDEV, "leaves its folder" },
};

const char *dps_reason(int error)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].error == error)
			return reasons[i].text;
	return strerror(-error);
}

bool dps_reason_is_space(int error)
{
	return error == -ENOSPC || error == -EDQUOT;
}
