/* SPDX-License-Identifier: BSD-3-Clause */
/* Reason: what an error of the file system means to a user, to follow the name of a file. */
#pragma once

/* For -errno: "is a folder", "exists already", … Never NULL; lent until the next call. */
const char *dps_reason(int error);
