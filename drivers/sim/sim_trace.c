/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/sim/sim_trace.h"
#include "engine/bits.h"
#include "engine/wire.h"
#include <dps/types.h>
#include <inttypes.h>
#include <string.h>

static struct dps_sim_event *next_event(struct dps_sim_trace *trace)
{
	return &trace->events[trace->events_count++ % DPS_SIM_TRACE_EVENTS];
}

static void print_ack(const struct dps_sim_event *event, FILE *out)
{
	struct dps_ack ack;
	size_t bytes = event->length - DPS_ENVELOPE_BYTES;

	if (event->length > DPS_SIM_TRACE_BYTES ||
	    dps_ack_decode(event->bytes + DPS_ENVELOPE_BYTES, bytes, &ack) != 0)
		return;
	fprintf(out, " of");
	for (uint16_t i = 0; i < ack.ranges_count && i < 4; i++)
		fprintf(out, " %" PRIu64 "..%" PRIu64, ack.ranges[i].first, ack.ranges[i].last);
	if (ack.ranges_count > 4)
		fprintf(out, " and %d more", ack.ranges_count - 4);
	for (uint16_t i = 0; i < ack.channels_count; i++)
		fprintf(out,
			", channel %" PRIu32 " has %" PRIu64 " stored %" PRIu64 " credit %" PRIu64,
			ack.channels[i].channel, ack.channels[i].contiguous, ack.channels[i].stored,
			ack.channels[i].credit);
}

static void print_datagram(const struct dps_sim_event *event, FILE *out)
{
	static const char *const names[DPS_PACKET_TYPES_COUNT] = {
		[DPS_PACKET_DATA] = "data",   [DPS_PACKET_ACK] = "ack",
		[DPS_PACKET_PROBE] = "probe", [DPS_PACKET_PING] = "ping",
		[DPS_PACKET_CLOSE] = "close",
	};
	struct dps_header header;

	if (dps_header_decode(event->bytes, event->length, &header) != 0) {
		fprintf(out, " %" PRIu32 " bytes that are no packet", event->length);
		return;
	}
	fprintf(out, " %s %" PRIu64, names[header.type] != NULL ? names[header.type] : "unknown",
		header.packet_number);
	if (header.type == DPS_PACKET_DATA)
		fprintf(out, " channel %" PRIu32 ": %" PRIu64 "+%d%s%s%s", header.channel,
			header.offset, header.payload_bytes,
			header.flags & DPS_PACKET_RESENT ? " again" : "",
			header.flags & DPS_PACKET_DIGEST ? " digest" : "",
			header.flags & DPS_PACKET_FIN ? " fin" : "");
	else if (header.type == DPS_PACKET_ACK)
		print_ack(event, out);
	else
		fprintf(out, " %d bytes", header.payload_bytes);
}

static void print_event(const struct dps_sim_trace *trace, const struct dps_sim_event *event,
			FILE *out)
{
	uint64_t at_ns = event->at_ns - trace->origin_ns;

	fprintf(out, "[%9" PRIu64 ".%03" PRIu64 " us] %-12s %s", at_ns / DPS_NS_PER_US,
		at_ns % DPS_NS_PER_US, event->who, event->what);
	if (event->length != 0)
		print_datagram(event, out);
	else if (event->values[0] != 0 || event->values[1] != 0)
		fprintf(out, " %" PRIu64 " %" PRIu64, event->values[0], event->values[1]);
	fputc('\n', out);
}

static void tell_live(const struct dps_sim_trace *trace, const struct dps_sim_event *event)
{
	if (trace->live != NULL)
		print_event(trace, event, trace->live);
}

void dps_sim_trace_note(struct dps_sim_trace *trace, uint64_t now_ns, const char *who,
			const char *what, uint64_t first, uint64_t second)
{
	struct dps_sim_event *event;

	if (trace->is_off)
		return;
	event = next_event(trace);
	event->at_ns = now_ns;
	event->who = who;
	event->what = what;
	event->values[0] = first;
	event->values[1] = second;
	event->length = 0;
	tell_live(trace, event);
}

void dps_sim_trace_datagram(struct dps_sim_trace *trace, uint64_t now_ns, const char *who,
			    const char *what, const uint8_t *bytes, uint32_t length)
{
	struct dps_sim_event *event;
	uint64_t kept = DPS_SIM_TRACE_BYTES;

	if (trace->is_off || length == 0)
		return;
	if ((bytes[0] & 15) == DPS_PACKET_DATA)
		kept = DPS_HEADER_BYTES;
	event = next_event(trace);
	event->at_ns = now_ns;
	event->who = who;
	event->what = what;
	event->length = length;
	memcpy(event->bytes, bytes, dps_min_u64(kept, length));
	tell_live(trace, event);
}

void dps_sim_trace_print(const struct dps_sim_trace *trace, FILE *out, unsigned int events_max)
{
	uint64_t count =
		dps_min_u64(trace->events_count, dps_min_u64(events_max, DPS_SIM_TRACE_EVENTS));

	for (uint64_t i = trace->events_count - count; i < trace->events_count; i++)
		print_event(trace, &trace->events[i % DPS_SIM_TRACE_EVENTS], out);
}
