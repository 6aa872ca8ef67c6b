/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/transfer.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <errno.h>
#include <string.h>

enum { CHUNKS_MAX = 1 << 24, FILES_KEPT_MAX = 4096, ALIGNMENT = 64 };

void dps_transfer_config_init(struct dps_transfer_config *config, bool is_live)
{
	uint64_t least = DPS_WINDOW_BYTES_DEFAULT + DPS_CHUNK_BYTES_DEFAULT + DPS_ENVELOPE_BYTES;

	*config = (struct dps_transfer_config){
		.window_bytes = DPS_WINDOW_BYTES_DEFAULT,
		.ring_bytes = is_live ? DPS_RING_BYTES_LIVE_DEFAULT : DPS_RING_BYTES_DEFAULT,
		.idle_ns = DPS_IDLE_NS_DEFAULT,
		.reconnect_ns = DPS_RECONNECT_NS_DEFAULT,
		.chunk_bytes = DPS_CHUNK_BYTES_DEFAULT,
		.chunks = is_live ? 4096 : 1024,
		.release = is_live ? DPS_RELEASE_STORED : DPS_RELEASE_RECEIVED,
	};
	config->ring_bytes =
		dps_max_u64(config->ring_bytes, dps_round_up(least, (uint64_t)DPS_PAGE_BYTES));
}

/* Most that the window may be: with it a chunk finds room wherever the ring's end falls. */
static uint64_t window_bytes_max(const struct dps_transfer_config *config)
{
	return config->ring_bytes - config->chunk_bytes - DPS_ENVELOPE_BYTES;
}

static bool is_valid(const struct dps_transfer_config *config)
{
	return config->ring_bytes <= DPS_OFFSET_MAX && config->chunk_bytes > 0 &&
	       config->ring_bytes >= (uint64_t)config->chunk_bytes + DPS_ENVELOPE_BYTES &&
	       config->window_bytes <= window_bytes_max(config) && config->chunks >= 2 &&
	       config->chunks <= CHUNKS_MAX && dps_is_power_of_two(config->chunks) &&
	       config->files_kept <= FILES_KEPT_MAX && config->release <= DPS_RELEASE_STORED &&
	       config->first_file != DPS_FILE_NONE;
}

/* The file that is written, those kept, and while nothing is kept the one just left. */
static uint32_t files_count(const struct dps_transfer_config *config)
{
	return config->files_kept == 0 ? 2 : config->files_kept + 1;
}

/* Where each part stands in the memory, and how long all of it is. */
struct plan {
	size_t chunks;
	size_t files;
	size_t references;
	size_t bytes;
};

static struct plan plan_of(const struct dps_transfer_config *config)
{
	struct plan plan;

	plan.chunks = dps_round_up(sizeof(struct dps_transfer), ALIGNMENT);
	plan.files = dps_round_up(plan.chunks + config->chunks * sizeof(struct dps_transfer_chunk),
				  ALIGNMENT);
	plan.references = dps_round_up(
		plan.files + files_count(config) * sizeof(struct dps_transfer_file), ALIGNMENT);
	plan.bytes = dps_round_up(plan.references + config->chunks * sizeof(uint32_t), ALIGNMENT);
	return plan;
}

size_t dps_transfer_bytes(const struct dps_transfer_config *config)
{
	return is_valid(config) ? plan_of(config).bytes : 0;
}

int dps_transfer_init(void *memory, const struct dps_transfer_config *config, uint8_t *ring,
		      struct dps_transfer **transfer, uint64_t now_ns)
{
	struct dps_transfer *made = memory;
	uint8_t *bytes = memory;
	struct plan plan;

	DPS_ASSERT((uintptr_t)memory % ALIGNMENT == 0);
	if (!is_valid(config))
		return -EINVAL;
	plan = plan_of(config);
	memset(memory, 0, plan.bytes);
	made->config = *config;
	made->ring = ring;
	made->chunks = (struct dps_transfer_chunk *)(void *)(bytes + plan.chunks);
	made->files = (struct dps_transfer_file *)(void *)(bytes + plan.files);
	made->references = (uint32_t *)(void *)(bytes + plan.references);
	made->files_count = files_count(config);
	made->files[0] = (struct dps_transfer_file){
		.index = config->first_file,
		.identity = config->identity,
	};
	atomic_init(&made->reason, NULL);
	atomic_init(&made->producer.files_head, 1);
	atomic_init(&made->producer.file_index, config->first_file);
	atomic_init(&made->producer.posted_at_ns, now_ns);
	atomic_init(&made->producer.busy_at_ns, now_ns);
	made->lane.posted_file = config->first_file;
	atomic_init(&made->lane.window_bytes, config->window_bytes);
	atomic_init(&made->lane.state, DPS_TRANSFER_ATTACHED);
	atomic_init(&made->lane.epoch, config->epoch);
	atomic_init(&made->lane.heard_at_ns, now_ns);
	atomic_init(&made->lane.progress_at_ns, now_ns);
	*transfer = made;
	return 0;
}

bool dps_transfer_cancel(struct dps_transfer *transfer, const char *reason)
{
	const char *none = NULL;

	DPS_ASSERT(reason != NULL);
	/* release: pairs with the acquire in dps_transfer_cancel_reason(); one of several that
	 * come at once finds it empty, so none is lost and none is overwritten */
	return atomic_compare_exchange_strong_explicit(&transfer->reason, &none, reason,
						       memory_order_release, memory_order_relaxed);
}

const char *dps_transfer_cancel_reason(const struct dps_transfer *transfer)
{
	/* acquire: pairs with the release in dps_transfer_cancel(): the text is there */
	return atomic_load_explicit(&transfer->reason, memory_order_acquire);
}

int dps_transfer_set_window(struct dps_transfer *transfer, uint64_t window_bytes)
{
	if (window_bytes > window_bytes_max(&transfer->config))
		return -EINVAL;
	dps_sequence_change(&transfer->lane.sequence);
	dps_sequence_put(&transfer->lane.window_bytes, window_bytes);
	dps_transfer_signal(transfer);
	dps_sequence_done(&transfer->lane.sequence);
	return 0;
}

static bool is_over(const struct dps_transfer *transfer)
{
	uint64_t state = dps_own(&transfer->lane.state);

	return state == DPS_TRANSFER_CANCELLED || state == DPS_TRANSFER_FINISHED;
}

void dps_transfer_on_turn(struct dps_transfer *transfer)
{
	/* Most turns change nothing, and then who reads need not try again. */
	if (atomic_load_explicit(&transfer->producer.head, memory_order_relaxed) ==
		    transfer->lane.head &&
	    (is_over(transfer) || dps_transfer_cancel_reason(transfer) == NULL))
		return;
	dps_sequence_change(&transfer->lane.sequence);
	dps_transfer_look(transfer);
	dps_transfer_trim(transfer);
	dps_sequence_done(&transfer->lane.sequence);
}

void dps_transfer_signal(struct dps_transfer *transfer)
{
	_Atomic uint32_t *changes = &transfer->lane.changes;

	/* release: pairs with the acquire in dps_transfer_changes(): what changed is seen */
	atomic_store_explicit(changes, atomic_load_explicit(changes, memory_order_relaxed) + 1,
			      memory_order_release);
}

static void take_posts(struct dps_transfer *transfer)
{
	struct dps_transfer_lane *lane = &transfer->lane;
	/* acquire: pairs with the release in dps_transfer_commit(): the chunk and its bytes */
	uint64_t head = atomic_load_explicit(&transfer->producer.head, memory_order_acquire);
	const struct dps_transfer_chunk *last;

	if (head == lane->head)
		return;
	/* Its place is not written again before tail has passed it. */
	last = dps_transfer_chunk_at(transfer, head - 1);
	lane->head = head;
	lane->posted = last->offset + last->bytes;
	lane->posted_file = last->file_index;
	lane->posted_flags = last->flags;
}

void dps_transfer_look(struct dps_transfer *transfer)
{
	take_posts(transfer);
	if (is_over(transfer) || dps_transfer_cancel_reason(transfer) == NULL)
		return;
	dps_sequence_put(&transfer->lane.state, DPS_TRANSFER_CANCELLED);
	dps_transfer_signal(transfer);
}
