/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/bits.h"
#include "engine/transfer.h"
#include <dps/assert.h>
#include <dps/budget.h>
#include <errno.h>

void dps_budget_init(struct dps_budget *budget, struct dps_budget_member *members, uint32_t room,
		     uint64_t limit_bytes)
{
	*budget = (struct dps_budget){
		.members = members,
		.room = room,
		.limit_bytes = limit_bytes,
	};
}

static struct dps_budget_member *find(const struct dps_budget *budget,
				      const struct dps_transfer *transfer)
{
	for (uint32_t i = 0; i < budget->count; i++)
		if (budget->members[i].transfer == transfer)
			return &budget->members[i];
	return NULL;
}

static void set_window(const struct dps_budget_member *member, uint64_t window_bytes)
{
	int error;

	/* What changes nothing would wake who waits all the same. */
	if (window_bytes == dps_own(&member->transfer->lane.window_bytes))
		return;
	error = dps_transfer_set_window(member->transfer, window_bytes);
	DPS_ASSERT(error == 0); /* a share is no larger than the configured window */
}

int dps_budget_add(struct dps_budget *budget, struct dps_transfer *transfer, uint64_t epoch)
{
	if (find(budget, transfer) != NULL)
		return -EEXIST;
	if (budget->count == budget->room)
		return -ENOSPC;
	budget->members[budget->count] = (struct dps_budget_member){
		.transfer = transfer,
		.epoch = epoch,
		.window_bytes = transfer->config.window_bytes,
	};
	set_window(&budget->members[budget->count], 0);
	budget->count++;
	return 0;
}

int dps_budget_set_epoch(struct dps_budget *budget, const struct dps_transfer *transfer,
			 uint64_t epoch)
{
	struct dps_budget_member *member = find(budget, transfer);

	if (member == NULL)
		return -ENOENT;
	member->epoch = epoch;
	return 0;
}

int dps_budget_remove(struct dps_budget *budget, const struct dps_transfer *transfer)
{
	struct dps_budget_member *member = find(budget, transfer);

	if (member == NULL)
		return -ENOENT;
	*member = budget->members[--budget->count];
	if (budget->next >= budget->count)
		budget->next = 0;
	return 0;
}

static uint64_t in_flight(const struct dps_transfer *transfer)
{
	return transfer->lane.posted - dps_own(&transfer->lane.acknowledged);
}

/* One that cannot send keeps what it has: its bytes are in the ring until it resumes. */
static uint64_t wanted(const struct dps_budget_member *member)
{
	const struct dps_transfer *transfer = member->transfer;
	uint64_t state = dps_own(&transfer->lane.state);

	if (state == DPS_TRANSFER_PARKED)
		return dps_min_u64(in_flight(transfer), member->window_bytes);
	if (state != DPS_TRANSFER_ATTACHED)
		return 0;
	return dps_min_u64(dps_max_u64(2 * in_flight(transfer), transfer->config.chunk_bytes),
			   member->window_bytes);
}

/*
 * Water is poured in until the limit is used: each pass gives to those who want less than the
 * equal part of what is left, which leaves more for the rest. The last pass gives only equal parts.
 */
static void set_targets(struct dps_budget *budget)
{
	uint64_t left_bytes = budget->limit_bytes;
	uint32_t left = budget->count;
	bool is_settled = false;

	for (uint32_t i = 0; i < budget->count; i++)
		budget->members[i].target_bytes = UINT64_MAX;
	while (left > 0 && !is_settled) {
		uint64_t part = left_bytes / left;

		is_settled = true;
		for (uint32_t i = 0; i < budget->count; i++) {
			struct dps_budget_member *member = &budget->members[i];

			if (member->target_bytes != UINT64_MAX || wanted(member) > part)
				continue;
			member->target_bytes = wanted(member);
			left_bytes -= member->target_bytes;
			left--;
			is_settled = false;
		}
	}
	for (uint32_t i = 0; i < budget->count; i++)
		if (budget->members[i].target_bytes == UINT64_MAX)
			budget->members[i].target_bytes = left_bytes / left;
}

/* Takes back what is above a target; returns what is then free. */
static uint64_t shrink(struct dps_budget *budget)
{
	uint64_t used = 0;

	for (uint32_t i = 0; i < budget->count; i++) {
		struct dps_budget_member *member = &budget->members[i];
		uint64_t window = dps_min_u64(dps_own(&member->transfer->lane.window_bytes),
					      member->target_bytes);

		set_window(member, window);
		member->used_bytes = dps_max_u64(window, in_flight(member->transfer));
		used += member->used_bytes;
	}
	return used < budget->limit_bytes ? budget->limit_bytes - used : 0;
}

static bool is_growing(const struct dps_budget_member *member)
{
	return member->target_bytes > member->used_bytes;
}

static void grow(struct dps_budget *budget, uint64_t free_bytes)
{
	uint32_t growing = 0;

	for (uint32_t i = 0; i < budget->count; i++)
		growing += is_growing(&budget->members[i]);
	for (uint32_t i = 0; i < budget->count; i++) {
		struct dps_budget_member *member = &budget->members[i];
		uint64_t part;

		if (!is_growing(member))
			continue;
		part = dps_min_u64(member->target_bytes - member->used_bytes, free_bytes / growing);
		member->used_bytes += part;
		set_window(member, member->used_bytes);
		free_bytes -= part;
		growing--;
	}
}

void dps_budget_share(struct dps_budget *budget)
{
	for (uint32_t i = 0; i < budget->count; i++)
		dps_transfer_on_turn(budget->members[i].transfer);
	set_targets(budget);
	grow(budget, shrink(budget));
}

unsigned int dps_budget_emit_slices(struct dps_budget *budget, struct dps_budget_slice *slices,
				    unsigned int room, uint32_t slice_bytes_max)
{
	unsigned int count = 0;
	uint32_t without = 0; /* transfers in a row that had nothing */

	while (count < room && without < budget->count) {
		struct dps_budget_member *member = &budget->members[budget->next];

		budget->next = budget->next + 1 == budget->count ? 0 : budget->next + 1;
		if (dps_transfer_emit_slices(member->transfer, member->epoch, &slices[count].slice,
					     1, slice_bytes_max) == 0) {
			without++;
			continue;
		}
		slices[count].transfer = member->transfer;
		count++;
		without = 0;
	}
	return count;
}
