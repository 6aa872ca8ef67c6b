/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stream of bytes, as bytes.c sends and takes them, by a thread that waits wherever it likes: in
 * standard input and output, and at the door of the endpoint, which the main thread polls.
 *
 *     threads receive [ADDRESS]:PORT > copy
 *     threads send ADDRESS:PORT < file
 */
#include <dps/door.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct dps_endpoint *endpoint;
static struct dps_door door;	 /* set before the thread starts */
static struct dps_handle stream; /* to be read; likewise */
static pthread_t thread;
static bool has_thread, is_done, is_closed; /* the polling thread's */
static int failure;			    /* the thread's, until it is done */

/* ---- the polling thread ---- */

/* The thread has posted this: it calls no more. */
static void on_done(void *argument)
{
	(void)argument;
	is_done = true;
	dps_peer_close(dps_endpoint_peer(endpoint, door.peer), 0, 5 * DPS_NS_PER_S,
		       dps_endpoint_now_ns(endpoint));
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

/* ---- the thread ---- */

static int send_input(void)
{
	struct dps_stream_options options = {
		.open_deadline_ns = dps_endpoint_now_ns(endpoint) + 30 * DPS_NS_PER_S,
	};
	static uint8_t buffer[1 << 16];
	struct dps_handle sent;
	size_t bytes;
	int error = dps_door_open(&door, &options, &sent);

	while (error == 0 && (bytes = fread(buffer, 1, sizeof(buffer), stdin)) > 0)
		error = dps_door_write(&door, sent, buffer, bytes, DPS_NEVER_NS);
	if (error == 0 && ferror(stdin)) {
		/* What was read is not all: behind it the receiver is told so. */
		dps_door_close(&door, sent, DPS_STREAM_LINGER);
		return -EIO;
	}
	return error == 0 ? dps_door_end(&door, sent, DPS_NEVER_NS) : error;
}

static int write_output(void)
{
	static uint8_t buffer[1 << 16];
	int bytes;

	while ((bytes = dps_door_read(&door, stream, buffer, sizeof(buffer), DPS_NEVER_NS)) > 0)
		if (fwrite(buffer, 1, (size_t)bytes, stdout) < (size_t)bytes) {
			/* A full disk: the sender is told, and sends no more. */
			dps_door_close(&door, stream, DPS_STREAM_DROP);
			return -EIO;
		}
	return bytes == 0 && fflush(stdout) != 0 ? -EIO : bytes;
}

static void *send_all(void *argument)
{
	(void)argument;
	failure = send_input();
	dps_endpoint_post(endpoint, on_done, NULL);
	return NULL;
}

static void *read_all(void *argument)
{
	(void)argument;
	failure = write_output();
	dps_endpoint_post(endpoint, on_done, NULL);
	return NULL;
}

static void start(void *(*run)(void *argument), struct dps_handle peer)
{
	door = (struct dps_door){ endpoint, peer };
	has_thread = pthread_create(&thread, NULL, run, NULL) == 0;
}

/* The first that arrives is the thread's. */
static void on_stream(void *context, struct dps_handle from, const struct dps_stream_event *event)
{
	(void)context;
	if (event->type != DPS_STREAM_EVENT_ARRIVED || has_thread)
		return;
	stream = event->handle;
	start(read_all, from);
}

int main(int argc, char **argv)
{
	bool is_sender = argc == 3 && strcmp(argv[1], "send") == 0;
	char why[DPS_ENDPOINT_WHY_BYTES];
	struct dps_endpoint_config config;
	struct dps_handle peer;

	if (argc != 3)
		return fprintf(stderr, "usage: threads send|receive [ADDRESS]:PORT\n"), 2;
	dps_endpoint_config_init(&config);
	config.state = getenv("STATE"); /* where our key is; NULL: this user's */
	config.listen = is_sender ? NULL : argv[2];
	config.ops = (struct dps_endpoint_ops){ .on_peer = on_peer,
						.on_stream = on_stream,
						.on_trouble = on_trouble };
	if (dps_endpoint_open(&endpoint, &config, why) < 0 ||
	    (is_sender && dps_endpoint_dial(endpoint, argv[2], NULL, &peer, why) < 0))
		return fprintf(stderr, "threads: %s\n", why), 2;
	if (is_sender)
		start(send_all, peer);
	else
		fprintf(stderr, "listening on port %u\n", dps_endpoint_listen_port(endpoint));
	/* Also when the connection is over before: the thread is told so, and says that it is done.
	 */
	while ((has_thread ? !is_done || !is_closed : !is_closed) &&
	       dps_endpoint_poll(endpoint, DPS_NEVER_NS) >= 0)
		;
	if (has_thread)
		pthread_join(thread, NULL);
	dps_endpoint_close(endpoint);
	if (failure != 0)
		fprintf(stderr, "threads: not all arrived: %s\n", dps_error_name(failure));
	if (!has_thread)
		fprintf(stderr, "threads: nothing arrived\n");
	return failure != 0 || !has_thread;
}
