/* SPDX-License-Identifier: BSD-3-Clause */
/* Digester: the digests of a transfer for files read outside of it. */
#pragma once
#include "drivers/store/file_digest.h"

extern const struct dps_digester dps_transfer_digester;
