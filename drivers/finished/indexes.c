/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/finished/indexes.h"
#include <dps/assert.h>
#include <errno.h>
#include <stdlib.h>

int dps_indexes_create(struct dps_indexes *indexes)
{
	*indexes = (struct dps_indexes){
		.given_back = calloc(DPS_INDEXES_MAX, sizeof(*indexes->given_back)),
	};
	return indexes->given_back == NULL ? -ENOMEM : 0;
}

void dps_indexes_destroy(struct dps_indexes *indexes)
{
	free(indexes->given_back);
	indexes->given_back = NULL;
}

int dps_indexes_take(struct dps_indexes *indexes)
{
	if (indexes->given_back_count > 0)
		return (int)indexes->given_back[--indexes->given_back_count];
	if (indexes->next == DPS_INDEXES_MAX)
		return -ENFILE;
	return (int)indexes->next++;
}

void dps_indexes_give(struct dps_indexes *indexes, uint32_t index)
{
	DPS_ASSERT(index < indexes->next && indexes->given_back_count < indexes->next);
	indexes->given_back[indexes->given_back_count++] = index;
}
