/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bulk writes, as streaming calls are elsewhere: each write returns when it is clear to send the
 * next, not when the far side has it; one error at the end stands for all of them; and a call asks
 * what came of it.
 *
 *     bulk serve [ADDRESS]:PORT
 *     bulk write ADDRESS:PORT RECORDS
 */
#include <dps/endpoint.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sum {
	uint64_t bytes;
	uint64_t hash; /* FNV-1a */
};

static struct dps_endpoint *endpoint;
static struct dps_handle peer;
static bool is_over, is_closed; /* the call is; the connection is */
static struct dps_peer_event call;
static struct sum received = { .hash = UINT64_C(0xcbf29ce484222325) };

static void add(struct sum *sum, const uint8_t *memory, size_t bytes)
{
	sum->bytes += bytes;
	for (size_t i = 0; i < bytes; i++)
		sum->hash = (sum->hash ^ memory[i]) * UINT64_C(0x100000001b3);
}

static uint64_t now_ns(void)
{
	return dps_endpoint_now_ns(endpoint);
}

/* ---- who serves ---- */

static void on_stream(void *context, struct dps_handle from, const struct dps_stream_event *event)
{
	struct dps_streams *streams = dps_endpoint_streams(endpoint, from);
	uint8_t memory[4096];
	int count;

	(void)context;
	if (event->type != DPS_STREAM_EVENT_READABLE)
		return;
	while ((count = dps_stream_read_copy(streams, event->handle, memory, sizeof(memory))) > 0)
		add(&received, memory, (size_t)count);
}

static void on_peer(void *context, struct dps_handle from, const struct dps_peer_event *event)
{
	char text[64];
	int bytes;

	(void)context;
	if (event->kind == DPS_PEER_EVENT_REQUEST) {
		bytes = snprintf(text, sizeof(text), "%" PRIu64 " bytes, %016" PRIx64,
				 received.bytes, received.hash);
		dps_peer_reply(dps_endpoint_peer(endpoint, from), event->request, DPS_PEER_CODE_OK,
			       text, (uint32_t)bytes, now_ns());
	} else if (event->kind == DPS_PEER_EVENT_CALL_OVER) {
		call = *event;
		is_over = true;
	}
	is_closed |= event->kind == DPS_PEER_EVENT_CLOSED;
}

/* ---- who writes ---- */

/* Returns when it is clear to write the next. An error is that of any write before it. */
static int write_record(struct dps_streams *streams, struct dps_handle stream,
			const struct dps_bytes *record)
{
	int error;

	while ((error = dps_stream_send(streams, stream, record, 1, 0, 0)) == -DPS_ERROR_FULL)
		dps_endpoint_poll(endpoint, DPS_NEVER_NS);
	return error;
}

/* Observes all writes: 0 when every one is at the far side, otherwise the first error of any. */
static int end(struct dps_streams *streams, struct dps_handle stream)
{
	int error;

	while ((error = dps_stream_end(streams, stream, now_ns() + 60 * DPS_NS_PER_S, now_ns())) ==
	       -DPS_ERROR_FULL)
		dps_endpoint_poll(endpoint, DPS_NS_PER_S);
	return error;
}

static int write_all(uint64_t records, struct sum *sent)
{
	struct dps_stream_options options = {
		.open_deadline_ns = now_ns() + 30 * DPS_NS_PER_S,
	};
	struct dps_streams *streams = dps_endpoint_streams(endpoint, peer);
	uint8_t memory[1000];
	struct dps_bytes record = { memory, sizeof(memory) };
	struct dps_handle stream;
	int error = dps_stream_open(streams, &options, &stream);

	for (uint64_t i = 0; i < records && error == 0; i++) {
		memset(memory, (int)(i % 251), sizeof(memory));
		memcpy(memory, &i, sizeof(i));
		add(sent, memory, sizeof(memory));
		error = write_record(streams, stream, &record);
	}
	return error == 0 ? end(streams, stream) : error;
}

/* What the far side has, in its own words; compared with ours. */
static int ask(const struct sum *sent)
{
	char answer[64] = "", ours[64];
	struct dps_peer_call question = {
		.body = "sum", .bytes = 3, .answer = answer, .answer_room = sizeof(answer) - 1
	};
	uint64_t id;
	int error = dps_peer_call(dps_endpoint_peer(endpoint, peer), &question, &id, now_ns());

	while (error == 0 && !is_over)
		dps_endpoint_poll(endpoint, DPS_NEVER_NS);
	if (error != 0 || call.outcome != DPS_PEER_ANSWERED)
		return fprintf(stderr, "bulk: no answer\n"), 1;
	snprintf(ours, sizeof(ours), "%" PRIu64 " bytes, %016" PRIx64, sent->bytes, sent->hash);
	printf("%s\n", answer);
	return strcmp(answer, ours) != 0;
}

int main(int argc, char **argv)
{
	bool is_writer = argc == 4 && strcmp(argv[1], "write") == 0;
	struct sum sent = { .hash = UINT64_C(0xcbf29ce484222325) };
	char why[DPS_ENDPOINT_WHY_BYTES];
	struct dps_endpoint_config config;
	int error, status = 0;

	if (!is_writer && argc != 3)
		return fprintf(stderr, "usage: bulk serve [ADDRESS]:PORT | bulk write "
				       "ADDRESS:PORT RECORDS\n"),
		       2;
	dps_endpoint_config_init(&config);
	config.state = getenv("STATE");
	config.listen = is_writer ? NULL : argv[2];
	config.ops = (struct dps_endpoint_ops){ .on_peer = on_peer, .on_stream = on_stream };
	if (dps_endpoint_open(&endpoint, &config, why) < 0 ||
	    (is_writer && dps_endpoint_dial(endpoint, argv[2], NULL, &peer, why) < 0))
		return fprintf(stderr, "bulk: %s\n", why), 2;
	if (is_writer) {
		error = write_all(strtoull(argv[3], NULL, 10), &sent);
		if (error != 0)
			fprintf(stderr, "bulk: %s\n", dps_error_name(error));
		status = error != 0 || ask(&sent);
		dps_peer_close(dps_endpoint_peer(endpoint, peer), 0, DPS_NS_PER_S, now_ns());
	} else {
		fprintf(stderr, "listening on port %u\n", dps_endpoint_listen_port(endpoint));
	}
	while (!is_closed && dps_endpoint_poll(endpoint, DPS_NEVER_NS) >= 0)
		;
	dps_endpoint_close(endpoint);
	return status;
}
