/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/digest/digest.h"
#include "drivers/live/live.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	CHUNK_BYTES = 8192,
	RING_CHUNKS = 4,
	DEPTH = 2,
	WAIT_MS = 10000,
};

static _Alignas(4096) uint8_t slot[CHUNK_BYTES];

struct fixture {
	struct dps_live *live;
	int more_fd; /* counts calls of on_more */
	int to;	     /* the producer's end */
};

static void on_more(void *context)
{
	struct fixture *fixture = context;
	const uint64_t one = 1;

	assert_int_equal(write(fixture->more_fd, &one, sizeof(one)), sizeof(one));
}

static void open_input(struct fixture *fixture, struct dps_live_input input)
{
	const struct dps_live_config config = {
		.input = input,
		.ring_bytes = RING_CHUNKS * CHUNK_BYTES + 100,
		.chunk_bytes = CHUNK_BYTES,
		.depth = DEPTH,
		.on_more = on_more,
		.context = fixture,
	};

	fixture->more_fd = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(dps_live_open(&config, &fixture->live), 0);
}

static void open_on(struct fixture *fixture, int fd)
{
	open_input(fixture, (struct dps_live_input){ .fd = fd, .is_pipe = true });
}

static void open_pipe(struct fixture *fixture)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fixture->to = ends[1];
	assert_true(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
	open_on(fixture, ends[0]);
}

static void close_all(struct fixture *fixture)
{
	dps_live_close(fixture->live);
	close(fixture->more_fd);
	if (fixture->to >= 0)
		close(fixture->to);
}

static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)(offset * 7 + offset / 251);
}

static void wait_more(struct fixture *fixture)
{
	struct pollfd more = { .fd = fixture->more_fd, .events = POLLIN };
	uint64_t count;

	assert_int_equal(poll(&more, 1, WAIT_MS), 1);
	assert_int_equal(read(fixture->more_fd, &count, sizeof(count)), sizeof(count));
}

static struct dps_live_state wait_for(struct fixture *fixture, uint64_t filled, bool has_ended)
{
	struct dps_live_state state;

	for (;;) {
		dps_live_read(fixture->live, &state);
		if (state.filled >= filled && state.has_ended == has_ended)
			return state;
		wait_more(fixture);
	}
}

/* Writes bytes of the stream, as many as are taken within a moment; returns how far it came. */
static uint64_t put(struct fixture *fixture, uint64_t from, uint64_t to)
{
	while (from < to) {
		struct pollfd end = { .fd = fixture->to, .events = POLLOUT };
		uint8_t bytes[1000];
		size_t count = to - from < sizeof(bytes) ? to - from : sizeof(bytes);
		ssize_t put;

		for (size_t i = 0; i < count; i++)
			bytes[i] = byte_at(from + i);
		put = write(fixture->to, bytes, count);
		if (put > 0) {
			from += (uint64_t)put;
			continue;
		}
		assert_int_equal(errno, EAGAIN);
		if (poll(&end, 1, 200) == 0)
			return from;
	}
	return from;
}

/* Bytes that were put and not read. */
static int bytes_in(int fd)
{
	int bytes;

	assert_int_equal(ioctl(fd, FIONREAD, &bytes), 0);
	return bytes;
}

static void hang_up(struct fixture *fixture)
{
	close(fixture->to);
	fixture->to = -1;
}

static int64_t read_at(struct fixture *fixture, uint64_t offset, uint32_t bytes)
{
	struct dps_disk *disk = dps_live_disk(fixture->live);
	struct dps_disk_request request = {
		.memory = slot,
		.file_offset = offset,
		.tag = 9,
		.bytes = bytes,
	};
	struct dps_disk_result result;

	memset(slot, 0xa5, sizeof(slot));
	assert_int_equal(disk->ops->submit(disk, &request, 1), 1);
	assert_int_equal(disk->ops->in_flight(disk), 1);
	assert_int_equal(disk->ops->reap(disk, &result, 1), 1);
	assert_int_equal(result.tag, 9);
	for (int64_t i = 0; i < result.result; i++)
		assert_int_equal(slot[i], byte_at(offset + (uint64_t)i));
	return result.result;
}

static void open__refuses_a_ring_of_one_chunk(void **state)
{
	const struct dps_live_config config = {
		.input = { .fd = 0 },
		.ring_bytes = 2 * CHUNK_BYTES - 1,
		.chunk_bytes = CHUNK_BYTES,
		.depth = 1,
	};
	struct dps_live *live;

	(void)state;
	assert_int_equal(dps_live_open(&config, &live), -EINVAL);
}

static void read__gives_whole_chunks_and_the_rest_behind_the_end(void **state)
{
	struct fixture fixture;
	struct dps_live_state seen;

	(void)state;
	open_pipe(&fixture);
	put(&fixture, 0, CHUNK_BYTES + 100);
	seen = wait_for(&fixture, CHUNK_BYTES, false);
	assert_int_equal(seen.filled, CHUNK_BYTES);
	assert_int_equal(read_at(&fixture, 0, CHUNK_BYTES), CHUNK_BYTES);
	assert_int_equal(read_at(&fixture, CHUNK_BYTES, CHUNK_BYTES), -ENODATA);
	hang_up(&fixture);
	seen = wait_for(&fixture, CHUNK_BYTES + 100, true);
	assert_int_equal(seen.filled, CHUNK_BYTES + 100);
	assert_int_equal(seen.error, 0);
	assert_int_equal(read_at(&fixture, CHUNK_BYTES, CHUNK_BYTES), 100);
	assert_int_equal(read_at(&fixture, CHUNK_BYTES, 40), 40);
	close_all(&fixture);
}

static void end__may_come_before_any_byte(void **state)
{
	struct dps_digest nothing = dps_digest_of("", 0), digest;
	struct fixture fixture;

	(void)state;
	open_pipe(&fixture);
	hang_up(&fixture);
	assert_int_equal(wait_for(&fixture, 0, true).filled, 0);
	digest = dps_live_digest(fixture.live);
	assert_memory_equal(&digest, &nothing, sizeof(nothing));
	close_all(&fixture);
}

static void end__may_come_with_a_chunk(void **state)
{
	struct fixture fixture;

	(void)state;
	open_pipe(&fixture);
	put(&fixture, 0, 2 * CHUNK_BYTES);
	hang_up(&fixture);
	assert_int_equal(wait_for(&fixture, 0, true).filled, 2 * CHUNK_BYTES);
	close_all(&fixture);
}

/* The digest of the whole is that of the chunks' digests, whatever was released meanwhile. */
static void digest__is_that_of_all_that_came(void **state)
{
	struct dps_file_digest expected;
	struct dps_digest whole, digest;
	uint8_t chunk[CHUNK_BYTES];
	struct fixture fixture;
	uint64_t bytes = 9 * CHUNK_BYTES + 77, at = 0, held = 0;

	(void)state;
	dps_file_digest_init(&expected);
	for (uint64_t from = 0; from < bytes; from += CHUNK_BYTES) {
		size_t count = bytes - from < CHUNK_BYTES ? bytes - from : CHUNK_BYTES;
		struct dps_digest piece;

		for (size_t i = 0; i < count; i++)
			chunk[i] = byte_at(from + i);
		piece = dps_digest_of(chunk, count);
		dps_file_digest_add(&expected, &piece);
	}
	whole = dps_file_digest_finish(&expected);
	open_pipe(&fixture);
	while (at < bytes) {
		at = put(&fixture, at, at + CHUNK_BYTES < bytes ? at + CHUNK_BYTES : bytes);
		for (held = wait_for(&fixture, at - at % CHUNK_BYTES, false).lowest;
		     held + CHUNK_BYTES <= at; held += CHUNK_BYTES) {
			assert_int_equal(read_at(&fixture, held, CHUNK_BYTES), CHUNK_BYTES);
			dps_live_release(fixture.live, held + CHUNK_BYTES);
		}
	}
	hang_up(&fixture);
	wait_for(&fixture, bytes, true);
	digest = dps_live_digest(fixture.live);
	assert_memory_equal(&digest, &whole, sizeof(whole));
	close_all(&fixture);
}

/* A full ring holds its producer up, and drops nothing. */
static void ring__is_filled_and_no_more(void **state)
{
	struct fixture fixture;
	struct dps_live_state seen;
	uint64_t most, more;

	(void)state;
	open_pipe(&fixture);
	most = put(&fixture, 0, 1 << 20);
	assert_true(most < 1 << 20);
	seen = wait_for(&fixture, RING_CHUNKS * CHUNK_BYTES, false);
	assert_int_equal(seen.filled, RING_CHUNKS * CHUNK_BYTES);
	assert_true(seen.is_full);
	assert_int_equal(read_at(&fixture, 0, CHUNK_BYTES), CHUNK_BYTES);
	/* Less than a chunk makes no room. */
	dps_live_release(fixture.live, CHUNK_BYTES - 1);
	assert_int_equal(read_at(&fixture, 0, CHUNK_BYTES), CHUNK_BYTES);
	dps_live_release(fixture.live, 2 * CHUNK_BYTES);
	seen = wait_for(&fixture, (RING_CHUNKS + 2) * CHUNK_BYTES, false);
	assert_int_equal(seen.lowest, 2 * CHUNK_BYTES);
	assert_int_equal(read_at(&fixture, CHUNK_BYTES, CHUNK_BYTES), -ENODATA);
	for (uint64_t k = 2; k < RING_CHUNKS + 2; k++)
		assert_int_equal(read_at(&fixture, k * CHUNK_BYTES, CHUNK_BYTES), CHUNK_BYTES);
	more = put(&fixture, most, 1 << 20);
	assert_true(more > most);
	close_all(&fixture);
}

/* An end of file inside a packet is its writer's, not the capture's. */
static void end__inside_a_packet_is_a_cut(void **state)
{
	static const uint8_t header[24] = { 0xd4, 0xc3, 0xb2, 0xa1 };
	static const uint8_t packet[16 + 60] = { [8] = 60 };
	struct fixture fixture;
	struct dps_live_state seen;

	(void)state;
	for (size_t cut = 0; cut <= sizeof(packet); cut += sizeof(packet) / 2) {
		open_pipe(&fixture);
		assert_int_equal(write(fixture.to, header, sizeof(header)), sizeof(header));
		assert_int_equal(write(fixture.to, packet, cut), cut);
		hang_up(&fixture);
		seen = wait_for(&fixture, 0, true);
		assert_int_equal(seen.error, cut == sizeof(packet) / 2 ? -EBADMSG : 0);
		assert_int_equal(seen.filled, sizeof(header) + cut); /* all the same */
		close_all(&fixture);
	}
}

static void open_producer(struct fixture *fixture, struct dps_producer *producer,
			  const char *command)
{
	int fd;

	assert_int_equal(dps_producer_start(producer, command, &fd), 0);
	fixture->to = -1;
	open_input(fixture, (struct dps_live_input){ .fd = fd, .producer = producer });
}

/* The exit of who wrote it says whether the end of file was the end. */
static void end__is_what_its_producer_says(void **state)
{
	struct dps_producer producer;
	struct fixture fixture;

	(void)state;
	open_producer(&fixture, &producer, "printf 12345");
	assert_int_equal(wait_for(&fixture, 5, true).error, 0);
	close_all(&fixture);
	dps_producer_stop(&producer);
	open_producer(&fixture, &producer, "printf 12345; kill -9 $$");
	assert_int_equal(wait_for(&fixture, 5, true).error, -ECHILD);
	close_all(&fixture);
	dps_producer_stop(&producer);
}

/* It has closed its output and goes on: nothing is known yet, and nobody is kept waiting. */
static void close__ends_a_wait_for_the_producer(void **state)
{
	struct dps_producer producer;
	struct fixture fixture;
	struct pollfd more;

	(void)state;
	open_producer(&fixture, &producer, "exec >&-; sleep 1000");
	more = (struct pollfd){ .fd = fixture.more_fd, .events = POLLIN };
	assert_int_equal(poll(&more, 1, 200), 0);
	close_all(&fixture);
	dps_producer_stop(&producer);
}

/* What was read, down to the last byte, can be had; nothing more is read. */
static void stop__ends_it_with_what_was_read(void **state)
{
	struct fixture fixture;
	struct dps_live_state seen;

	(void)state;
	open_pipe(&fixture);
	put(&fixture, 0, CHUNK_BYTES + 100);
	wait_for(&fixture, CHUNK_BYTES, false);
	while (bytes_in(fixture.to) > 0)
		assert_int_equal(poll(NULL, 0, 1), 0);
	dps_live_stop(fixture.live);
	seen = wait_for(&fixture, 0, true);
	assert_int_equal(seen.error, -ECANCELED);
	assert_int_equal(seen.filled, CHUNK_BYTES + 100);
	assert_int_equal(read_at(&fixture, CHUNK_BYTES, CHUNK_BYTES), 100);
	assert_int_equal(put(&fixture, seen.filled, seen.filled + 10), seen.filled + 10);
	assert_int_equal(bytes_in(fixture.to), 10);
	dps_live_stop(fixture.live);
	close_all(&fixture);
}

/* There is no room for what comes next, and none is needed. */
static void stop__ends_a_wait_for_room(void **state)
{
	struct fixture fixture;
	struct dps_live_state seen;

	(void)state;
	open_pipe(&fixture);
	put(&fixture, 0, 1 << 20);
	wait_for(&fixture, RING_CHUNKS * CHUNK_BYTES, false);
	dps_live_stop(fixture.live);
	seen = wait_for(&fixture, 0, true);
	assert_int_equal(seen.error, -ECANCELED);
	assert_int_equal(seen.filled, RING_CHUNKS * CHUNK_BYTES);
	close_all(&fixture);
}

static void stop__after_the_end_changes_nothing(void **state)
{
	struct fixture fixture;

	(void)state;
	open_pipe(&fixture);
	put(&fixture, 0, 10);
	hang_up(&fixture);
	wait_for(&fixture, 10, true);
	dps_live_stop(fixture.live);
	assert_int_equal(wait_for(&fixture, 10, true).error, 0);
	close_all(&fixture);
}

/* It may still write what it has, and says itself how it ended. */
static void stop__asks_the_producer_to_end(void **state)
{
	static const char heeds[] = "trap 'printf 12345; exit 0' TERM; head -c 8192 /dev/zero; "
				    "while :; do sleep 0.01; done";
	struct dps_producer producer;
	struct fixture fixture;

	(void)state;
	open_producer(&fixture, &producer, heeds);
	wait_for(&fixture, CHUNK_BYTES, false);
	dps_live_stop(fixture.live);
	assert_int_equal(wait_for(&fixture, 0, true).error, 0);
	assert_int_equal(wait_for(&fixture, 0, true).filled, CHUNK_BYTES + 5);
	close_all(&fixture);
	dps_producer_stop(&producer);
	open_producer(&fixture, &producer, "exec sleep 1000");
	dps_live_stop(fixture.live);
	assert_int_equal(wait_for(&fixture, 0, true).error, -ECHILD);
	close_all(&fixture);
	dps_producer_stop(&producer);
}

/* What cannot be read is no end. */
static void error__is_told_from_the_end(void **state)
{
	struct fixture fixture = { .to = -1 };
	struct dps_live_state seen;

	(void)state;
	open_on(&fixture, open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	seen = wait_for(&fixture, 0, true);
	assert_int_equal(seen.error, -EISDIR);
	assert_int_equal(seen.filled, 0);
	close_all(&fixture);
}

static void close__ends_a_wait_for_the_source(void **state)
{
	struct fixture fixture;

	(void)state;
	open_pipe(&fixture);
	close_all(&fixture);
}

/* A FIFO that nobody has opened yet has not ended. */
static void fifo__without_a_writer_is_waited_for(void **state)
{
	struct fixture fixture = { .to = -1 };
	struct dps_live_state seen;
	char path[64];
	struct pollfd more;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/dps-live-%d", (int)getpid());
	assert_int_equal(mkfifo(path, 0600), 0);
	open_on(&fixture, open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
	more = (struct pollfd){ .fd = fixture.more_fd, .events = POLLIN };
	assert_int_equal(poll(&more, 1, 100), 0);
	dps_live_read(fixture.live, &seen);
	assert_false(seen.has_ended);
	fixture.to = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(put(&fixture, 0, 10), 10);
	hang_up(&fixture);
	assert_int_equal(wait_for(&fixture, 0, true).filled, 10);
	unlink(path);
	close_all(&fixture);
}

static void write__is_refused(void **state)
{
	struct fixture fixture;
	struct dps_disk_request request = { .memory = slot, .bytes = 1, .is_write = true };
	struct dps_disk_result result;
	struct dps_disk *disk;

	(void)state;
	open_pipe(&fixture);
	disk = dps_live_disk(fixture.live);
	assert_int_equal(disk->ops->submit(disk, &request, 1), 1);
	assert_int_equal(disk->ops->reap(disk, &result, 1), 1);
	assert_int_equal(result.result, -EBADF);
	close_all(&fixture);
}

static void submit__takes_as_many_as_wait(void **state)
{
	struct dps_disk_request requests[DEPTH + 1] = { 0 };
	struct fixture fixture;
	struct dps_disk *disk;

	(void)state;
	open_pipe(&fixture);
	disk = dps_live_disk(fixture.live);
	assert_int_equal(disk->ops->submit(disk, requests, DEPTH + 1), DEPTH);
	assert_int_equal(disk->ops->add_file(disk, -1, false), 0);
	assert_int_equal(disk->ops->add_file(disk, -1, false), 1);
	disk->ops->remove_file(disk, 0);
	assert_int_equal(disk->ops->add_file(disk, -1, false), 0);
	disk->ops->close(disk);
	assert_int_equal(disk->ops->in_flight(disk), 0);
	close_all(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open__refuses_a_ring_of_one_chunk),
		cmocka_unit_test(read__gives_whole_chunks_and_the_rest_behind_the_end),
		cmocka_unit_test(end__may_come_before_any_byte),
		cmocka_unit_test(end__may_come_with_a_chunk),
		cmocka_unit_test(digest__is_that_of_all_that_came),
		cmocka_unit_test(ring__is_filled_and_no_more),
		cmocka_unit_test(end__inside_a_packet_is_a_cut),
		cmocka_unit_test(end__is_what_its_producer_says),
		cmocka_unit_test(close__ends_a_wait_for_the_producer),
		cmocka_unit_test(stop__ends_it_with_what_was_read),
		cmocka_unit_test(stop__ends_a_wait_for_room),
		cmocka_unit_test(stop__after_the_end_changes_nothing),
		cmocka_unit_test(stop__asks_the_producer_to_end),
		cmocka_unit_test(error__is_told_from_the_end),
		cmocka_unit_test(close__ends_a_wait_for_the_source),
		cmocka_unit_test(fifo__without_a_writer_is_waited_for),
		cmocka_unit_test(write__is_refused),
		cmocka_unit_test(submit__takes_as_many_as_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
