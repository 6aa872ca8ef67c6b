/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stream of bytes: sends standard input to a peer, or writes what comes to standard output.
 *
 *     bytes receive [ADDRESS]:PORT > copy
 *     bytes send ADDRESS:PORT < file
 *
 * Data goes over kernel sockets, or with -DOVER_DPDK and libdpdk-stream-ethdev over any port of
 * DPDK's, which $PORT names.
 */
#include <dps/endpoint.h>
#ifdef OVER_DPDK
#include <dps/ethdev.h>
#endif
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct dps_endpoint *endpoint;
static struct dps_handle peer;
static bool has_ended, is_closed; /* all of the stream was read; the connection is over */
static struct dps_error failure;

static void write_out(struct dps_handle stream)
{
	struct dps_streams *streams = dps_endpoint_streams(endpoint, peer);
	struct dps_bytes runs[16];
	int count;

	while ((count = dps_stream_read(streams, stream, runs, 16)) > 0)
		for (int i = 0; i < count; i++) {
			fwrite(runs[i].memory, 1, runs[i].bytes, stdout);
			dps_stream_release(streams, stream, runs[i].bytes);
		}
	has_ended = count == 0;
	if (ferror(stdout)) /* a full disk: the sender is told, and sends no more */
		dps_stream_stop(streams, stream, EIO);
}

static void on_stream(void *context, struct dps_handle from, const struct dps_stream_event *event)
{
	(void)context;
	if (event->type == DPS_STREAM_EVENT_ARRIVED)
		peer = from;
	else if (event->type == DPS_STREAM_EVENT_READABLE)
		write_out(event->handle);
	else if (event->cause.error != 0)
		failure = event->cause; /* an end that is no good one */
}

static void on_peer(void *context, struct dps_handle from, const struct dps_peer_event *event)
{
	(void)context;
	(void)from;
	is_closed |= event->kind == DPS_PEER_EVENT_CLOSED;
}

static void on_trouble(void *context, const char *who, const char *why)
{
	(void)context;
	fprintf(stderr, "%s: %s\n", who, why);
}

/* Returns when it is clear to send the next. An error may be that of an earlier one. */
static int send_piece(struct dps_streams *streams, struct dps_handle stream,
		      const struct dps_bytes *piece)
{
	int error;

	while ((error = dps_stream_send(streams, stream, piece, 1, 0, 0)) == -DPS_ERROR_FULL)
		dps_endpoint_poll(endpoint, DPS_NEVER_NS);
	return error;
}

/* 0 when every byte, and the end, is at the far side; otherwise the first error of any send. */
static int end(struct dps_streams *streams, struct dps_handle stream)
{
	int error;

	while ((error = dps_stream_end(streams, stream, DPS_NEVER_NS, 0)) == -DPS_ERROR_FULL)
		dps_endpoint_poll(endpoint, DPS_NEVER_NS);
	return error;
}

static int send_input(void)
{
	struct dps_stream_options options = {
		.open_deadline_ns = dps_endpoint_now_ns(endpoint) + 30 * DPS_NS_PER_S,
	};
	struct dps_streams *streams = dps_endpoint_streams(endpoint, peer);
	static uint8_t buffer[1 << 16];
	struct dps_bytes piece = { .memory = buffer };
	struct dps_handle stream;
	int error = dps_stream_open(streams, &options, &stream);

	while (error == 0 && (piece.bytes = fread(buffer, 1, sizeof(buffer), stdin)) > 0)
		error = send_piece(streams, stream, &piece);
	if (ferror(stdin)) /* what was read is not all: the receiver is told so */
		dps_stream_abort(streams, stream, EIO);
	return error == 0 ? end(streams, stream) : error;
}

int main(int argc, char **argv)
{
	bool is_sender = argc == 3 && strcmp(argv[1], "send") == 0;
	char why[DPS_ENDPOINT_WHY_BYTES], text[DPS_ERROR_TEXT_BYTES];
	struct dps_endpoint_config config;

	if (argc != 3)
		return fprintf(stderr, "usage: bytes send|receive [ADDRESS]:PORT\n"), 2;
	dps_endpoint_config_init(&config);
	config.state = getenv("STATE"); /* where our key is; NULL: this user's */
	config.listen = is_sender ? NULL : argv[2];
#ifdef OVER_DPDK
	config.port = getenv("PORT") ? getenv("PORT") : config.port;
	config.ports = dps_ethdev_ports();
#endif
	config.ops = (struct dps_endpoint_ops){ .on_peer = on_peer,
						.on_stream = on_stream,
						.on_trouble = on_trouble };
	if (dps_endpoint_open(&endpoint, &config, why) < 0 ||
	    (is_sender && dps_endpoint_dial(endpoint, argv[2], NULL, &peer, why) < 0))
		return fprintf(stderr, "bytes: %s\n", why), 2;
	if (is_sender) {
		failure.error = send_input();
		dps_peer_close(dps_endpoint_peer(endpoint, peer), 0, 5 * DPS_NS_PER_S,
			       dps_endpoint_now_ns(endpoint));
	} else {
		fprintf(stderr, "listening on port %u\n", dps_endpoint_listen_port(endpoint));
	}
	while (!is_closed && dps_endpoint_poll(endpoint, DPS_NEVER_NS) >= 0)
		;
	dps_endpoint_close(endpoint);
	if (fflush(stdout) != 0 || ferror(stdout))
		return fprintf(stderr, "bytes: standard output takes no more\n"), 1;
	if (failure.error == 0 && (is_sender || has_ended))
		return 0;
	if (failure.error == 0) /* given up before it came here */
		failure.error = -DPS_ERROR_CANCELLED;
	dps_error_write(&failure, text, sizeof(text));
	return fprintf(stderr, "bytes: not all arrived: %s\n", text), 1;
}
