/* SPDX-License-Identifier: BSD-3-Clause */
/* Channels over several lanes: what goes to each, and what they say together. */
#include "apps/dpdk-streamd/stripes_parts.h"
#include <dps/assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { EXTENTS_ROOM = 64, FILES_ROOM = 256 };

static void command(struct dps_stripes *stripes, const struct dps_lane_command *each)
{
	stripes->ops->command(stripes->context, each);
}

/* ---- which ---- */

/* By the name of any member, while it is open. */
static struct dps_striped_channel *find(const struct dps_stripes *stripes, uint32_t name,
					uint32_t generation, uint32_t *member)
{
	for (struct dps_striped_channel *channel = stripes->channels; channel;
	     channel = channel->next)
		for (*member = 0; *member < channel->count; ++*member)
			if ((channel->opened >> *member & 1) && channel->names[*member] == name &&
			    channel->generations[*member] == generation)
				return channel;
	return NULL;
}

static struct dps_striped_channel *find_opening(const struct dps_stripes *stripes, uint64_t cookie,
						uint32_t path, uint32_t *member)
{
	for (struct dps_striped_channel *channel = stripes->channels; channel;
	     channel = channel->next)
		for (*member = 0; *member < channel->count; ++*member)
			if (!(channel->answered >> *member & 1) && channel->cookie == cookie &&
			    channel->paths[*member] == path)
				return channel;
	return NULL;
}

/* Nothing can be heard of it any more. */
static void forget_if_over(struct dps_stripes *stripes, struct dps_striped_channel *channel)
{
	struct dps_striped_channel **link = &stripes->channels;

	if (!channel->is_over || channel->answered != (UINT32_C(1) << channel->count) - 1)
		return;
	while (*link != channel)
		link = &(*link)->next;
	*link = channel->next;
	free(channel->extents);
	free(channel);
}

void dps_stripes_end_channels(struct dps_stripes *stripes, const struct dps_striped_path *path)
{
	struct dps_striped_channel *next;

	for (struct dps_striped_channel *channel = stripes->channels; channel; channel = next) {
		next = channel->next;
		if (channel->paths[0] != path->names[0])
			continue;
		channel->is_over = true;
		forget_if_over(stripes, channel);
	}
}

uint32_t dps_stripes_channel_members(const struct dps_stripes *stripes, uint32_t name,
				     uint32_t generation, uint32_t names[DPS_STRIPES_MAX],
				     uint32_t generations[DPS_STRIPES_MAX])
{
	uint32_t member;
	const struct dps_striped_channel *channel = find(stripes, name, generation, &member);

	names[0] = name;
	generations[0] = generation;
	if (!channel)
		return 1;
	memcpy(names, channel->names, channel->count * sizeof(*names));
	memcpy(generations, channel->generations, channel->count * sizeof(*generations));
	return channel->count;
}

/* ---- opening ---- */

/* Together they may hold what one could. */
static uint64_t window_of_each(const struct dps_stripes *stripes, uint32_t count,
			       uint64_t window_bytes)
{
	uint64_t least = 2 * (uint64_t)stripes->chunk_bytes;

	return window_bytes / count < least ? least : window_bytes / count;
}

void dps_stripes_open_channel(struct dps_stripes *stripes, const struct dps_striped_path *path,
			      const struct dps_lane_command *asked)
{
	struct dps_striped_channel *channel = calloc(1, sizeof(*channel));
	struct dps_lane_command each = *asked;

	if (!channel)
		abort(); /* out of memory */
	channel->count = path->count;
	channel->cookie = asked->cookie;
	memcpy(channel->paths, path->names, path->count * sizeof(path->names[0]));
	channel->next = stripes->channels;
	stripes->channels = channel;
	each.open_channel.window_bytes =
		window_of_each(stripes, path->count, asked->open_channel.window_bytes);
	each.open_channel.stripes = (uint16_t)path->count;
	for (uint32_t i = 0; i < channel->count; i++) {
		each.open_channel.path = path->names[i];
		each.open_channel.stripe = (uint16_t)i;
		command(stripes, &each);
	}
}

static void close_all(struct dps_stripes *stripes, const struct dps_striped_channel *channel)
{
	for (uint32_t i = 0; i < channel->count; i++)
		if (channel->opened >> i & 1)
			command(stripes, &(struct dps_lane_command){
						 .type = DPS_COMMAND_CLOSE_CHANNEL,
						 .channel = channel->names[i],
						 .generation = channel->generations[i],
					 });
}

static bool on_opened(struct dps_stripes *stripes, const struct dps_lane_event *event,
		      uint64_t now_ns)
{
	struct dps_lane_event said = *event;
	uint32_t member;
	struct dps_striped_channel *channel =
		find_opening(stripes, event->cookie, event->engine.path, &member);

	if (!channel)
		return false;
	channel->answered |= UINT32_C(1) << member;
	if (event->engine.error < 0) {
		channel->error = event->engine.error;
	} else {
		channel->opened |= UINT32_C(1) << member;
		channel->names[member] = event->engine.channel;
		channel->generations[member] = event->engine.generation;
	}
	if (channel->answered != (UINT32_C(1) << channel->count) - 1)
		return true;
	if (channel->error < 0) { /* all or none */
		close_all(stripes, channel);
		channel->is_over = true;
	}
	said.engine.path = channel->paths[0];
	said.engine.channel = channel->names[0];
	said.engine.generation = channel->generations[0];
	said.engine.error = channel->error;
	forget_if_over(stripes, channel);
	stripes->ops->say(stripes->context, &said, now_ns);
	return true;
}

/* ---- extents ---- */

static void drop_done(struct dps_striped_channel *channel)
{
	uint32_t all = (UINT32_C(1) << channel->count) - 1;

	while (channel->extents_first < channel->extents_end &&
	       channel->extents[channel->extents_first & (channel->extents_room - 1)].done == all)
		channel->extents_first++;
}

/* ---- descriptors ---- */

static struct dps_striped_file *file_of(struct dps_stripes *stripes, int fd)
{
	size_t room = stripes->files_room;

	if (fd < 0)
		return NULL;
	if ((size_t)fd >= room) {
		room = (size_t)fd + FILES_ROOM;
		stripes->files = realloc(stripes->files, room * sizeof(*stripes->files));
		if (!stripes->files)
			abort(); /* out of memory */
		memset(stripes->files + stripes->files_room, 0,
		       (room - stripes->files_room) * sizeof(*stripes->files));
		stripes->files_room = room;
	}
	return &stripes->files[fd];
}

/* Whether a lane is the first to refuse the extent that it was announced last of a file. */
static bool refuse_extent(struct dps_striped_channel *channel, uint32_t member,
			  const struct dps_event *event)
{
	bool is_first = false;

	for (uint64_t i = channel->extents_end; i > channel->extents_first; i--) {
		struct dps_striped_extent *extent =
			&channel->extents[(i - 1) & (channel->extents_room - 1)];

		if (extent->file_index != event->file_index || (extent->done >> member & 1))
			continue;
		is_first = !extent->is_refused;
		extent->is_refused = true;
		extent->done |= UINT32_C(1) << member;
		break;
	}
	drop_done(channel);
	return is_first;
}

/*
 * A lane is done with a descriptor, or never took it. Whoever gave it has it back when all are,
 * once for each time that it was given.
 */
static bool on_returned(struct dps_stripes *stripes, const struct dps_lane_event *event,
			uint64_t now_ns)
{
	struct dps_lane_event said = *event;
	struct dps_striped_channel *channel;
	struct dps_striped_file *file;
	uint32_t member;

	if (event->fd < 0 || (size_t)event->fd >= stripes->files_room ||
	    stripes->files[event->fd].lanes == 0)
		return false;
	file = &stripes->files[event->fd];
	if (event->type == DPS_LANE_REFUSED) {
		file->refused = event->engine;
		channel = find(stripes, event->engine.channel, event->engine.generation, &member);
		if (channel) {
			file->refused.channel = channel->names[0];
			file->refused.generation = channel->generations[0];
		}
		if (channel && file->lanes > 1)
			refuse_extent(channel, member, &event->engine);
	}
	if (++file->returned < file->lanes)
		return true;
	said.type = DPS_LANE_FILE_CLOSED;
	if (file->refused.error < 0) {
		said.type = DPS_LANE_REFUSED;
		said.engine = file->refused;
	}
	file->returned = 0;
	file->refused.error = 0;
	stripes->ops->say(stripes->context, &said, now_ns);
	return true;
}

/* An extent without a descriptor: nothing comes back of it, and one word is enough. */
static bool on_refused(struct dps_stripes *stripes, const struct dps_lane_event *event,
		       uint64_t now_ns)
{
	struct dps_lane_event said = *event;
	uint32_t member;
	struct dps_striped_channel *channel =
		find(stripes, event->engine.channel, event->engine.generation, &member);

	if (!channel)
		return false;
	said.engine.channel = channel->names[0];
	said.engine.generation = channel->generations[0];
	if (refuse_extent(channel, member, &event->engine))
		stripes->ops->say(stripes->context, &said, now_ns);
	return true;
}

/* ---- commands ---- */

static void push_extent(struct dps_striped_channel *channel, uint32_t file_index)
{
	uint32_t count = (uint32_t)(channel->extents_end - channel->extents_first);

	if (count == channel->extents_room) {
		uint32_t room = channel->extents_room ? 2 * channel->extents_room : EXTENTS_ROOM;
		struct dps_striped_extent *extents = calloc(room, sizeof(*extents));

		if (!extents)
			abort(); /* out of memory */
		for (uint64_t i = channel->extents_first; i < channel->extents_end; i++)
			extents[i & (room - 1)] = channel->extents[i & (channel->extents_room - 1)];
		free(channel->extents);
		channel->extents = extents;
		channel->extents_room = room;
	}
	channel->extents[channel->extents_end++ & (channel->extents_room - 1)] =
		(struct dps_striped_extent){ .file_index = file_index };
}

/* Bytes of one chunk: its stripe's alone. */
static void resend(struct dps_stripes *stripes, const struct dps_striped_channel *channel,
		   const struct dps_lane_command *asked)
{
	uint32_t member = (uint32_t)(asked->extent.offset / stripes->chunk_bytes % channel->count);
	struct dps_lane_command one = *asked;
	struct dps_striped_file *file = file_of(stripes, asked->fd);

	if (file)
		*file = (struct dps_striped_file){ .lanes = 1 };
	one.channel = channel->names[member];
	one.generation = channel->generations[member];
	command(stripes, &one);
}

bool dps_stripes_on_channel_command(struct dps_stripes *stripes,
				    const struct dps_lane_command *asked)
{
	struct dps_lane_command each = *asked;
	uint32_t member;
	struct dps_striped_channel *channel =
		find(stripes, asked->channel, asked->generation, &member);

	if (!channel) {
		struct dps_striped_file *file = file_of(stripes, asked->fd);

		/* The descriptor is given to one lane alone. */
		if (file &&
		    (asked->type == DPS_COMMAND_ANNOUNCE || asked->type == DPS_COMMAND_RESEND))
			file->lanes = 0;
		return false;
	}
	if (asked->type == DPS_COMMAND_RESEND) {
		resend(stripes, channel, asked);
		return true;
	}
	if (asked->type == DPS_COMMAND_ANNOUNCE) {
		struct dps_striped_file *file = file_of(stripes, asked->fd);

		push_extent(channel, asked->extent.file_index);
		if (file)
			file->lanes = (uint16_t)channel->count;
	}
	if (asked->type == DPS_COMMAND_SET_SHARE) {
		each.share.window_bytes =
			window_of_each(stripes, channel->count, asked->share.window_bytes);
		each.share.bytes_per_s =
			(asked->share.bytes_per_s + channel->count - 1) / channel->count;
	}
	for (uint32_t i = 0; i < channel->count; i++) {
		each.channel = channel->names[i];
		each.generation = channel->generations[i];
		command(stripes, &each);
	}
	if (asked->type == DPS_COMMAND_CLOSE_CHANNEL) {
		channel->is_over = true;
		forget_if_over(stripes, channel);
	}
	return true;
}

/* ---- events ---- */

static uint64_t least(const uint64_t *values, uint32_t count)
{
	uint64_t value = values[0];

	for (uint32_t i = 1; i < count; i++)
		if (values[i] < value)
			value = values[i];
	return value;
}

/* True when the last member says so; they do in order, so it is the first extent's turn then. */
static bool is_done_by_all(struct dps_striped_channel *channel, uint32_t member,
			   struct dps_event *event)
{
	uint32_t all = (UINT32_C(1) << channel->count) - 1;

	for (uint64_t i = channel->extents_first; i < channel->extents_end; i++) {
		struct dps_striped_extent *extent =
			&channel->extents[i & (channel->extents_room - 1)];
		bool is_said;

		if (extent->done >> member & 1)
			continue;
		DPS_ASSERT(extent->file_index == event->file_index);
		if (event->error < 0)
			extent->error = event->error;
		event->error = extent->error;
		extent->done |= UINT32_C(1) << member;
		is_said = extent->done == all && !extent->is_refused;
		drop_done(channel);
		return is_said;
	}
	DPS_ASSERT(false);
	return false;
}

static void on_state(struct dps_stripes *stripes, struct dps_striped_channel *channel,
		     uint32_t member, struct dps_lane_event *event, uint64_t now_ns)
{
	uint64_t sum = 0;

	channel->contiguous[member] = event->engine.offset;
	for (uint32_t i = 0; i < channel->count; i++)
		sum += channel->contiguous[i];
	event->engine.offset = sum / channel->count;
	stripes->ops->say(stripes->context, event, now_ns);
}

static void on_engine(struct dps_stripes *stripes, struct dps_striped_channel *channel,
		      uint32_t member, struct dps_lane_event *event, uint64_t now_ns)
{
	struct dps_event *engine = &event->engine;

	if (engine->written > channel->written[member])
		channel->written[member] = engine->written;
	engine->written = least(channel->written, channel->count);
	engine->path = channel->paths[0];
	if (engine->type == DPS_EVENT_FILE_DONE && !is_done_by_all(channel, member, engine))
		return;
	if (engine->type == DPS_EVENT_CHANNEL_DONE && ++channel->last_count < channel->count)
		return;
	stripes->ops->say(stripes->context, event, now_ns);
}

bool dps_stripes_on_channel_event(struct dps_stripes *stripes, const struct dps_lane_event *event,
				  uint64_t now_ns)
{
	struct dps_lane_event said = *event;
	struct dps_striped_channel *channel;
	uint32_t member;

	if (event->type == DPS_LANE_CHANNEL_OPENED)
		return on_opened(stripes, event, now_ns);
	if (event->type == DPS_LANE_FILE_CLOSED ||
	    (event->type == DPS_LANE_REFUSED && event->fd >= 0))
		return on_returned(stripes, event, now_ns);
	if (event->type == DPS_LANE_REFUSED)
		return on_refused(stripes, event, now_ns);
	if (event->type != DPS_LANE_ENGINE && event->type != DPS_LANE_CHANNEL_STATE)
		return false;
	channel = find(stripes, event->engine.channel, event->engine.generation, &member);
	if (!channel)
		return false;
	said.engine.channel = channel->names[0];
	said.engine.generation = channel->generations[0];
	if (event->type == DPS_LANE_CHANNEL_STATE)
		on_state(stripes, channel, member, &said, now_ns);
	else
		on_engine(stripes, channel, member, &said, now_ns);
	return true;
}
