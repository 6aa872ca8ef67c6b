/* SPDX-License-Identifier: BSD-3-Clause */
/* Endpoint turns: what all peers have to say, and when something is due of them. */
#include "drivers/endpoint/endpoint_state.h"
#include "engine/stream.h"

enum { EVENTS = 32 };

/* What the program closed since it was taken has nothing to tell but what became of its sends. */
static bool is_to_be_told(const struct dps_endpoint_member *member,
			  const struct dps_stream_event *event)
{
	struct dps_stream *stream;

	return event->type >= DPS_STREAM_EVENT_POSTED ||
	       dps_stream_find(member->streams, event->handle, &stream) == 0;
}

static void tell_streams(struct dps_endpoint_member *member)
{
	struct dps_endpoint *endpoint = member->endpoint;
	const struct dps_endpoint_ops *ops = &endpoint->config.ops;
	struct dps_stream_event events[EVENTS];
	unsigned int count;

	while ((count = dps_streams_emit_events(member->streams, events, EVENTS)) > 0)
		for (unsigned int i = 0; i < count && ops->on_stream != NULL; i++) {
			if (!is_to_be_told(member, &events[i]))
				continue;
			endpoint->told++;
			ops->on_stream(ops->context, dps_endpoint_handle(member), &events[i]);
		}
}

void dps_endpoint_tell(struct dps_endpoint *endpoint, uint64_t now_ns)
{
	for (uint32_t i = 0; i < endpoint->config.peers; i++) {
		struct dps_endpoint_member *member = &endpoint->members[i];

		if (!member->is_used)
			continue;
		dps_peer_wire_flush(member->wire, now_ns);
		dps_endpoint_attach_path(member);
		tell_streams(member);
	}
}

static uint64_t give_up_at_ns(const struct dps_endpoint_member *member)
{
	uint64_t reconnect_ns = member->endpoint->config.reconnect_ns;

	if (member->lost_at_ns == DPS_NEVER_NS || reconnect_ns > DPS_NEVER_NS - member->lost_at_ns)
		return DPS_NEVER_NS;
	return member->lost_at_ns + reconnect_ns;
}

uint64_t dps_endpoint_members_deadline_ns(struct dps_endpoint *endpoint)
{
	uint64_t at_ns = DPS_NEVER_NS, next_ns;

	for (uint32_t i = 0; i < endpoint->config.peers; i++) {
		struct dps_endpoint_member *member = &endpoint->members[i];

		if (!member->is_used)
			continue;
		/*
		 * What one did not take is another's, who may have been told before it; and what
		 * the control connection did came behind the turn.
		 */
		if (dps_streams_has_events(member->streams))
			return 0;
		next_ns = dps_streams_next_deadline_ns(member->streams);
		at_ns = next_ns < at_ns ? next_ns : at_ns;
		next_ns = give_up_at_ns(member);
		at_ns = next_ns < at_ns ? next_ns : at_ns;
	}
	return at_ns;
}

void dps_endpoint_members_on_time(struct dps_endpoint *endpoint, uint64_t now_ns)
{
	for (uint32_t i = 0; i < endpoint->config.peers; i++) {
		struct dps_endpoint_member *member = &endpoint->members[i];

		if (!member->is_used)
			continue;
		if (dps_streams_next_deadline_ns(member->streams) <= now_ns)
			dps_streams_on_deadline(member->streams, now_ns);
		if (now_ns < give_up_at_ns(member))
			continue;
		member->lost_at_ns = DPS_NEVER_NS;
		dps_peer_close(member->peer, 0, 0, now_ns);
	}
}
