/* SPDX-License-Identifier: BSD-3-Clause */
/* Endpoint paths: each connection has one, which comes and goes with it. */
#include "drivers/endpoint/endpoint_state.h"
#include "drivers/lane_state.h"
#include "drivers/way/way.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	NO_EPOCH = 0,	    /* a connection has one path, and no other exports the same */
	PROBE_FLOOR_MS = 5, /* who embeds us shares its cores with others */
	SILENCE_S = 10,
};

static const char no_seal[] = "its data is encrypted on one side only; is_clear has to be the same "
			      "on both";
static const char no_keys[] = "the keys of its path cannot be made";

int dps_endpoint_reserve_path(struct dps_endpoint *endpoint, struct dps_endpoint_path *path,
			      struct dps_greeting *greeting)
{
	const struct dps_port *port = endpoint->port;
	int name = dps_lane_reserve_path(endpoint->lane, &path->connection_id);

	if (name < 0)
		return name;
	path->name = (uint32_t)name;
	path->is_opened = path->is_attached = false;
	*greeting = (struct dps_greeting){
		.connection_id = path->connection_id,
		.address = port->local,
		.payload_bytes = DPS_PAYLOAD_BYTES_MAX,
		.seal = endpoint->config.is_clear ? DPS_GREETING_CLEAR : DPS_GREETING_AES_128_GCM,
	};
	greeting->address.mtu = (uint16_t)(port->mtu < UINT16_MAX ? port->mtu : UINT16_MAX);
	return 0;
}

const char *dps_endpoint_open_path(struct dps_endpoint *endpoint, struct dps_endpoint_path *path,
				   const struct dps_greeting *greeting, struct dps_socket *below)
{
	struct dps_lane_command command = { .type = DPS_COMMAND_OPEN_PATH, .path = path->name };

	if ((greeting->seal == DPS_GREETING_CLEAR) != endpoint->config.is_clear)
		return no_seal;
	dps_way_find(&greeting->address, &below->peer_address.storage, &command.open_path.address);
	command.open_path.config = (struct dps_path_config){
		.remote_connection_id = greeting->connection_id,
		.datagram_bytes = dps_way_datagram_bytes(endpoint->port, &greeting->address,
							 greeting->payload_bytes,
							 command.open_path.address.family),
		.challenge = dps_way_make_challenge(),
		.rate_bytes_per_s = endpoint->config.rate_bytes_per_s,
		.probe_floor_ns = PROBE_FLOOR_MS * DPS_NS_PER_MS,
		.silence_ns = SILENCE_S * DPS_NS_PER_S,
	};
	if (dps_credentials_make_seal(&endpoint->credentials, below, NO_EPOCH, path->connection_id,
				      greeting->connection_id, &command.open_path.seal) < 0)
		return no_keys;
	if (!dps_lane_command(endpoint->lane, &command)) {
		if (command.open_path.seal)
			command.open_path.seal->destroy(command.open_path.seal);
		return "the engine has too much to do";
	}
	path->is_opened = true;
	return NULL;
}

void dps_endpoint_attach_path(struct dps_endpoint_member *member)
{
	struct dps_lane *lane = member->endpoint->lane;
	struct dps_endpoint_path *path = &member->path;
	uint64_t epoch = dps_streams_epoch(member->streams);

	if (path->is_attached || !path->is_opened || epoch == 0)
		return;
	/* A path that the lane has not opened yet is asked for again in the next turn. */
	path->is_attached = dps_engine_attach_streams(lane->engine,
						      path->name & ((1U << DPS_LANE_PATH_BITS) - 1),
						      member->streams, epoch) == 0;
}

void dps_endpoint_close_path(struct dps_endpoint *endpoint, struct dps_endpoint_path *path,
			     uint32_t reason)
{
	const struct dps_lane_command command = {
		.type = DPS_COMMAND_CLOSE_PATH,
		.path = path->name,
		.value = reason,
	};

	if (path->name == DPS_ENDPOINT_NO_PATH)
		return;
	/* A mailbox that is full has room again after a turn: nothing of it waits for us. */
	while (!dps_lane_command(endpoint->lane, &command))
		(void)dps_lane_turn(endpoint->lane);
	path->name = DPS_ENDPOINT_NO_PATH;
	path->is_opened = path->is_attached = false;
}

static void tell_path_gone(struct dps_endpoint *endpoint, const struct dps_endpoint_member *member,
			   const struct dps_lane_event *event)
{
	char why[DPS_ENDPOINT_WHY_BYTES];

	if (event->type == DPS_LANE_PATH_FAILED)
		snprintf(why, sizeof(why),
			 "its data port cannot be reached from ours (%s): both have to be of one "
			 "network; connecting anew",
			 strerror(-event->engine.error));
	else
		snprintf(why, sizeof(why), "its data path is lost; connecting anew");
	dps_endpoint_tell_trouble(endpoint, member->name, why);
}

/* One that has said goodbye says so on the control connection, too, which then ends by itself. */
static void on_path_gone(struct dps_endpoint *endpoint, const struct dps_lane_event *event,
			 uint64_t now_ns)
{
	bool is_done = event->type == DPS_LANE_ENGINE && event->engine.error == DPS_CLOSE_DONE;

	for (uint32_t i = 0; i < endpoint->config.peers; i++) {
		struct dps_endpoint_member *member = &endpoint->members[i];

		if (!member->is_used || member->path.name != event->engine.path)
			continue;
		member->path.name = DPS_ENDPOINT_NO_PATH;
		member->path.is_opened = member->path.is_attached = false;
		if (is_done)
			return;
		tell_path_gone(endpoint, member, event);
		dps_endpoint_drop(member, ENETUNREACH, now_ns);
		return;
	}
}

void dps_endpoint_take_lane_events(struct dps_endpoint *endpoint)
{
	struct dps_lane_event event;

	while (dps_lane_take_events(endpoint->lane, &event, 1) > 0)
		if (event.type == DPS_LANE_PATH_FAILED ||
		    (event.type == DPS_LANE_ENGINE && event.engine.type == DPS_EVENT_PATH_LOST))
			on_path_gone(endpoint, &event, dps_clock_now_ns(&endpoint->clock));
}
