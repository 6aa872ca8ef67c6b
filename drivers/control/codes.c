/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/codes.h"
#include <dps/assert.h>
#include <string.h>

static const char *const names[DPS_CODES_COUNT] = {
	[DPS_CODE_NONE] = "none",
	[DPS_CODE_VERSION] = "version",
	[DPS_CODE_BUSY] = "busy",
	[DPS_CODE_NOT_TRUSTED] = "not_trusted",
	[DPS_CODE_SEAL] = "seal",
	[DPS_CODE_PROTOCOL] = "protocol",
	[DPS_CODE_LIMIT] = "limit",
	[DPS_CODE_UNREACHABLE] = "unreachable",
	[DPS_CODE_CANCELLED] = "cancelled",
	[DPS_CODE_SHUTTING_DOWN] = "shutting_down",
	[DPS_CODE_IDLE] = "idle",
	[DPS_CODE_INTERNAL] = "internal",
	[DPS_CODE_SUPERSEDED] = "superseded",
	[DPS_CODE_UNKNOWN] = "unknown",
	[DPS_CODE_FINISHED] = "finished",
	[DPS_CODE_PARKED] = "parked",
	[DPS_CODE_IDENTITY_CHANGED] = "identity_changed",
	[DPS_CODE_WRONG_FILE] = "wrong_file",
	[DPS_CODE_OUT_OF_WINDOW] = "out_of_window",
	[DPS_CODE_AHEAD_OF_SENT] = "ahead_of_sent",
	[DPS_CODE_SPACE] = "space",
	[DPS_CODE_TARGET_EXISTS] = "target_exists",
	[DPS_CODE_BAD_NAME] = "bad_name",
	[DPS_CODE_CANNOT_WRITE] = "cannot_write",
	[DPS_CODE_CANNOT_READ] = "cannot_read",
	[DPS_CODE_SOURCE_CHANGED] = "source_changed",
	[DPS_CODE_DIGEST] = "digest",
	[DPS_CODE_OTHER] = "other",
};

const char *dps_control_code_name(enum dps_control_code code)
{
	DPS_ASSERT(code < DPS_CODES_COUNT);
	return names[code];
}

enum dps_control_code dps_control_code_from_name(const char *name)
{
	for (unsigned int code = 0; code < DPS_CODES_COUNT; code++)
		if (strcmp(names[code], name) == 0)
			return (enum dps_control_code)code;
	return DPS_CODE_OTHER;
}
