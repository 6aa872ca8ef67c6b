/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/live/live.h"
#include "drivers/digest/digest.h"
#include "drivers/finished/finished.h"
#include "drivers/finished/indexes.h"
#include "drivers/live/capture_end.h"
#include <dps/assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

enum live_order {
	LIVE_GOES_ON,
	LIVE_STOPS, /* the source ends here */
	LIVE_CLOSES,
};

struct dps_live {
	struct dps_disk disk;
	struct dps_live_config config;
	uint8_t *ring;
	struct dps_finished finished; /* the lane's, as the disk is */
	struct dps_indexes files;
	pthread_t thread;
	struct dps_capture_end capture; /* the source's thread's, as the next */
	bool is_producer_told;
	int wake_fd;

	/* Acquired by lane and control core: the bytes below, the digest, the error. */
	_Atomic uint64_t filled;       /* writer: the source's thread */
	atomic_bool has_ended;	       /* writer: the source's thread */
	int error;		       /* the source's thread's, until has_ended */
	struct dps_file_digest digest; /* the same */

	_Atomic uint64_t lowest;       /* writer: control core; acquired by the source's thread */
	_Atomic enum live_order order; /* writer: control core; carries no data */
};

static struct dps_live *live_of(const struct dps_disk *disk)
{
	return (struct dps_live *)disk; /* its first member */
}

/* ---- the source's thread ---- */

static bool has_room(const struct dps_live *live, uint64_t filled)
{
	/* acquire: what the lane read is read, before it is overwritten */
	uint64_t lowest = atomic_load_explicit(&live->lowest, memory_order_acquire);

	return filled + live->config.chunk_bytes - lowest <= live->config.ring_bytes;
}

/* A producer of ours is told to end once, and what it still writes is read. */
static bool must_stop(struct dps_live *live)
{
	enum live_order order = atomic_load_explicit(&live->order, memory_order_relaxed);

	if (order == LIVE_STOPS && live->config.input.producer) {
		if (!live->is_producer_told)
			dps_producer_ask_to_end(live->config.input.producer);
		live->is_producer_told = true;
		return false;
	}
	return order != LIVE_GOES_ON;
}

static bool is_closing(const struct dps_live *live)
{
	return atomic_load_explicit(&live->order, memory_order_relaxed) == LIVE_CLOSES;
}

/* Waits for a descriptor, -1 for none, or to be woken. */
static void wait_for(struct dps_live *live, int fd)
{
	struct pollfd fds[] = {
		{ .fd = live->wake_fd, .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
	};
	uint64_t count;

	if (poll(fds, 2, -1) > 0 && fds[0].revents)
		(void)!read(live->wake_fd, &count, sizeof(count));
}

/* Whether a read would not wait; then it ends, or says what is wrong. */
static bool is_ready(const struct dps_live *live)
{
	struct pollfd source = { .fd = live->config.input.fd, .events = POLLIN };

	return poll(&source, 1, 0) > 0;
}

/* Reads one chunk. Returns its bytes, fewer than a chunk at the end; error says what ended it. */
static uint32_t read_chunk(struct dps_live *live, uint8_t *memory, int *error)
{
	uint32_t bytes = 0;

	while (bytes < live->config.chunk_bytes) {
		ssize_t got;

		while (!must_stop(live) && !is_ready(live))
			wait_for(live, live->config.input.fd);
		if (must_stop(live)) {
			*error = -ECANCELED;
			break;
		}
		got = read(live->config.input.fd, memory + bytes, live->config.chunk_bytes - bytes);
		if (got == 0)
			break;
		if (got < 0 && errno != EINTR && errno != EAGAIN) {
			*error = -errno;
			break;
		}
		bytes += got > 0 ? (uint32_t)got : 0;
	}
	return bytes;
}

/* Whether the end of file is the end: 0, -ECHILD, -EBADMSG; -ECANCELED. */
static int judge_end(struct dps_live *live)
{
	struct dps_producer *producer = live->config.input.producer;

	if (!producer)
		return live->config.input.is_pipe && dps_capture_end_is_cut(&live->capture)
			       ? -EBADMSG
			       : 0;
	while (!must_stop(live) && !dps_producer_reap(producer))
		wait_for(live, producer->ended_fd);
	if (must_stop(live))
		return -ECANCELED;
	return dps_producer_has_succeeded(producer) ? 0 : -ECHILD;
}

static void take_chunk(struct dps_live *live, const uint8_t *memory, uint32_t bytes,
		       uint64_t filled)
{
	struct dps_digest piece;

	if (bytes == 0)
		return;
	dps_capture_end_add(&live->capture, memory, bytes);
	piece = dps_digest_of(memory, bytes);
	dps_file_digest_add(&live->digest, &piece);
	/* release: the bytes are there */
	atomic_store_explicit(&live->filled, filled + bytes, memory_order_release);
}

static void *run(void *context)
{
	struct dps_live *live = context;
	uint64_t filled = 0;
	int error = 0;
	bool is_over;

	do {
		uint8_t *memory = live->ring + filled % live->config.ring_bytes;
		uint32_t bytes;

		while (!must_stop(live) && !has_room(live, filled))
			wait_for(live, -1);
		/* release: pairs with the acquire in read_ring(): who sees what comes now in place
		 * of what was there sees lowest behind that, too */
		atomic_thread_fence(memory_order_release);
		bytes = read_chunk(live, memory, &error);
		take_chunk(live, memory, bytes, filled);
		filled += bytes;
		is_over = bytes < live->config.chunk_bytes;
		if (is_over && error == 0)
			error = judge_end(live);
		if (is_closing(live))
			return NULL;
		if (is_over) {
			live->error = error;
			/* release: digest and error are final */
			atomic_store_explicit(&live->has_ended, true, memory_order_release);
		}
		live->config.on_more(live->config.context);
	} while (!is_over);
	return NULL;
}

/* ---- the lane's reads ---- */

static int64_t read_ring(const struct dps_live *live, const struct dps_disk_request *request)
{
	uint64_t offset = request->file_offset, filled, bytes = request->bytes;

	if (request->is_write)
		return -EBADF;
	/* acquire: the bytes below */
	filled = atomic_load_explicit(&live->filled, memory_order_acquire);
	if (offset >= filled || offset < atomic_load_explicit(&live->lowest, memory_order_relaxed))
		return -ENODATA;
	if (bytes > filled - offset)
		bytes = filled - offset;
	DPS_ASSERT(offset % live->config.chunk_bytes + bytes <= live->config.chunk_bytes);
	memcpy(request->memory, live->ring + offset % live->config.ring_bytes, bytes);
	/*
	 * Of a connection that is gone, and whose channel the lane has not closed yet, a read may
	 * come for what another one has said is stored: what was copied may have been overwritten.
	 * Pairs with the release in run().
	 */
	atomic_thread_fence(memory_order_acquire);
	if (offset < atomic_load_explicit(&live->lowest, memory_order_relaxed))
		return -ENODATA;
	return (int64_t)bytes;
}

static unsigned int live_submit(struct dps_disk *disk, const struct dps_disk_request *requests,
				unsigned int count)
{
	struct dps_live *live = live_of(disk);
	unsigned int taken = 0;

	for (; taken < count && !dps_finished_is_full(&live->finished); taken++)
		dps_finished_put(&live->finished, disk, &requests[taken],
				 read_ring(live, &requests[taken]));
	return taken;
}

static unsigned int live_reap(struct dps_disk *disk, struct dps_disk_result *results,
			      unsigned int room)
{
	return dps_finished_take(&live_of(disk)->finished, results, room);
}

static int live_add_file(struct dps_disk *disk, int fd, bool is_direct)
{
	(void)fd;
	(void)is_direct;
	return dps_indexes_take(&live_of(disk)->files);
}

static void live_remove_file(struct dps_disk *disk, uint32_t file)
{
	dps_indexes_give(&live_of(disk)->files, file);
}

static unsigned int live_in_flight(const struct dps_disk *disk)
{
	return live_of(disk)->finished.count;
}

static void live_let_go(struct dps_disk *disk)
{
	live_of(disk)->finished.count = 0;
}

static const struct dps_disk_ops live_ops = {
	.submit = live_submit,
	.reap = live_reap,
	.add_file = live_add_file,
	.remove_file = live_remove_file,
	.in_flight = live_in_flight,
	.close = live_let_go,
};

struct dps_disk *dps_live_disk(struct dps_live *live)
{
	return &live->disk;
}

/* ---- the control core's ---- */

static void wake(struct dps_live *live)
{
	const uint64_t one = 1;

	(void)!write(live->wake_fd, &one, sizeof(one));
}

void dps_live_read(const struct dps_live *live, struct dps_live_state *state)
{
	/* In this order: what came before the end is there when the end is seen. */
	state->has_ended = atomic_load_explicit(&live->has_ended, memory_order_acquire);
	state->filled = atomic_load_explicit(&live->filled, memory_order_acquire);
	state->lowest = atomic_load_explicit(&live->lowest, memory_order_relaxed);
	state->is_full = !state->has_ended && !has_room(live, state->filled);
	state->error = state->has_ended ? live->error : 0;
}

const struct dps_live_input *dps_live_input(const struct dps_live *live)
{
	return &live->config.input;
}

struct dps_digest dps_live_digest(const struct dps_live *live)
{
	DPS_ASSERT(atomic_load_explicit(&live->has_ended, memory_order_acquire));
	return dps_file_digest_finish(&live->digest);
}

void dps_live_release(struct dps_live *live, uint64_t offset)
{
	offset -= offset % live->config.chunk_bytes;
	if (offset <= atomic_load_explicit(&live->lowest, memory_order_relaxed))
		return;
	DPS_ASSERT(offset <= atomic_load_explicit(&live->filled, memory_order_acquire));
	/* release: reads of what is below are over */
	atomic_store_explicit(&live->lowest, offset, memory_order_release);
	wake(live);
}

static void give_order(struct dps_live *live, enum live_order order)
{
	atomic_store_explicit(&live->order, order, memory_order_relaxed);
	wake(live);
}

void dps_live_stop(struct dps_live *live)
{
	give_order(live, LIVE_STOPS);
}

int dps_live_open(const struct dps_live_config *config, struct dps_live **made)
{
	uint64_t ring_bytes = config->ring_bytes;
	struct dps_live *live;
	int err = -ENOMEM;

	if (config->chunk_bytes == 0 || ring_bytes / config->chunk_bytes < 2)
		return -EINVAL;
	ring_bytes -= ring_bytes % config->chunk_bytes;
	live = aligned_alloc(alignof(struct dps_live), sizeof(*live));
	if (!live)
		return -ENOMEM;
	memset(live, 0, sizeof(*live));
	live->disk = (struct dps_disk){ .ops = &live_ops, .name = "live" };
	live->config = *config;
	live->config.ring_bytes = ring_bytes;
	dps_file_digest_init(&live->digest);
	dps_capture_end_init(&live->capture);
	/* Pages that no byte came to yet take no memory. */
	live->ring = mmap(NULL, ring_bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (live->ring == MAP_FAILED)
		goto err_free;
	if (dps_finished_create(&live->finished, config->depth) < 0)
		goto err_ring;
	if (dps_indexes_create(&live->files) < 0)
		goto err_finished;
	live->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (live->wake_fd < 0) {
		err = -errno;
		goto err_files;
	}
	err = -pthread_create(&live->thread, NULL, run, live);
	if (err < 0)
		goto err_wake;
	*made = live;
	return 0;

err_wake:
	close(live->wake_fd);
err_files:
	dps_indexes_destroy(&live->files);
err_finished:
	dps_finished_destroy(&live->finished);
err_ring:
	munmap(live->ring, ring_bytes);
err_free:
	free(live);
	return err;
}

void dps_live_close(struct dps_live *live)
{
	give_order(live, LIVE_CLOSES);
	pthread_join(live->thread, NULL);
	close(live->config.input.fd);
	close(live->wake_fd);
	dps_indexes_destroy(&live->files);
	dps_finished_destroy(&live->finished);
	munmap(live->ring, live->config.ring_bytes);
	free(live);
}
