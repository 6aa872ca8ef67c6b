/* SPDX-License-Identifier: BSD-3-Clause */
/* Reason: what an error of the file system means to a user, to follow the name of a file. */
#pragma once
#include <stdbool.h>

/* For -errno: "is a folder", "exists already", … Never NULL; lent until the next call. */
const char *dps_reason(int error);

/* Whether it is for want of space, and so may go well later: no space, or a quota that is used up.
 */
bool dps_reason_is_space(int error);
