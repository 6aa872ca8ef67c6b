/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/stripes.h"
#include "apps/dpdk-streamd/stripes_parts.h"
#include <dps/assert.h>
#include <stdlib.h>
#include <string.h>

void dps_stripes_init(struct dps_stripes *stripes, const struct dps_stripes_ops *ops, void *context,
		      uint32_t chunk_bytes)
{
	*stripes = (struct dps_stripes){
		.ops = ops,
		.context = context,
		.chunk_bytes = chunk_bytes,
	};
}

void dps_stripes_fini(struct dps_stripes *stripes)
{
	while (stripes->paths) {
		struct dps_striped_path *path = stripes->paths;

		stripes->paths = path->next;
		free(path);
	}
	while (stripes->channels) {
		struct dps_striped_channel *channel = stripes->channels;

		stripes->channels = channel->next;
		free(channel->extents);
		free(channel);
	}
	free(stripes->files);
}

/* ---- paths ---- */

/* By the name of any member. */
struct dps_striped_path *dps_stripes_find_path(const struct dps_stripes *stripes, uint32_t name,
					       uint32_t *member)
{
	for (struct dps_striped_path *path = stripes->paths; path; path = path->next)
		for (*member = 0; *member < path->count; ++*member)
			if (path->names[*member] == name)
				return path;
	return NULL;
}

void dps_stripes_add_path(struct dps_stripes *stripes, const uint32_t *names, uint32_t count)
{
	struct dps_striped_path *path = calloc(1, sizeof(*path));

	if (!path)
		abort(); /* out of memory */
	DPS_ASSERT(count > 1 && count <= DPS_STRIPES_MAX);
	path->count = count;
	path->payload_bytes = UINT32_MAX;
	memcpy(path->names, names, count * sizeof(*names));
	path->next = stripes->paths;
	stripes->paths = path;
}

static void forget_path(struct dps_stripes *stripes, struct dps_striped_path *path)
{
	struct dps_striped_path **link = &stripes->paths;

	while (*link != path)
		link = &(*link)->next;
	*link = path->next;
	free(path);
}

static void close_member(struct dps_stripes *stripes, uint32_t name, uint32_t reason)
{
	stripes->ops->command(stripes->context, &(struct dps_lane_command){
							.type = DPS_COMMAND_CLOSE_PATH,
							.path = name,
							.value = reason,
						});
}

void dps_stripes_trim_path(struct dps_stripes *stripes, uint32_t name, uint32_t count)
{
	uint32_t member;
	struct dps_striped_path *path = dps_stripes_find_path(stripes, name, &member);

	DPS_ASSERT(count > 0);
	while (path && path->count > count)
		close_member(stripes, path->names[--path->count], DPS_CLOSE_NONE);
	if (path && path->count == 1)
		forget_path(stripes, path);
}

uint32_t dps_stripes_path_members(const struct dps_stripes *stripes, uint32_t name,
				  uint32_t names[DPS_STRIPES_MAX])
{
	uint32_t member;
	const struct dps_striped_path *path = dps_stripes_find_path(stripes, name, &member);

	names[0] = name;
	if (!path)
		return 1;
	memcpy(names, path->names, path->count * sizeof(*names));
	return path->count;
}

/* One that is lost takes the others along: a stripe alone can finish nothing. */
static void lose_path(struct dps_stripes *stripes, struct dps_striped_path *path, uint32_t member,
		      const struct dps_lane_event *event, uint64_t now_ns)
{
	struct dps_lane_event said = *event;
	uint32_t reason = event->type == DPS_LANE_ENGINE ? (uint32_t)event->engine.error
							 : DPS_CLOSE_UNREACHABLE;

	said.engine.path = path->names[0];
	for (uint32_t i = 0; i < path->count; i++)
		if (i != member)
			close_member(stripes, path->names[i], reason);
	dps_stripes_end_channels(stripes, path);
	forget_path(stripes, path);
	stripes->ops->say(stripes->context, &said, now_ns);
}

static void open_member(struct dps_stripes *stripes, struct dps_striped_path *path, uint32_t member,
			const struct dps_lane_event *event, uint64_t now_ns)
{
	struct dps_lane_event said = *event;

	path->open |= UINT32_C(1) << member;
	if (event->engine.bytes < path->payload_bytes)
		path->payload_bytes = event->engine.bytes;
	if (path->open != (UINT32_C(1) << path->count) - 1)
		return;
	said.engine.path = path->names[0];
	said.engine.bytes = path->payload_bytes;
	stripes->ops->say(stripes->context, &said, now_ns);
}

/* ---- commands and events ---- */

bool dps_stripes_on_command(struct dps_stripes *stripes, const struct dps_lane_command *command)
{
	const bool is_open = command->type == DPS_COMMAND_OPEN_CHANNEL;
	struct dps_lane_command each = *command;
	struct dps_striped_path *path;
	uint32_t member;

	if (!is_open && command->type != DPS_COMMAND_CLOSE_PATH &&
	    command->type != DPS_COMMAND_WATCH_PATH)
		return command->type != DPS_COMMAND_OPEN_PATH &&
		       dps_stripes_on_channel_command(stripes, command);
	path = dps_stripes_find_path(stripes, is_open ? command->open_channel.path : command->path,
				     &member);
	if (!path || member != 0)
		return false;
	if (is_open) {
		dps_stripes_open_channel(stripes, path, command);
		return true;
	}
	for (uint32_t i = 0; i < path->count; i++) {
		each.path = path->names[i];
		stripes->ops->command(stripes->context, &each);
	}
	if (command->type == DPS_COMMAND_CLOSE_PATH) {
		dps_stripes_end_channels(stripes, path);
		forget_path(stripes, path);
	}
	return true;
}

bool dps_stripes_on_event(struct dps_stripes *stripes, const struct dps_lane_event *event,
			  uint64_t now_ns)
{
	const bool is_lost =
		event->type == DPS_LANE_PATH_FAILED ||
		(event->type == DPS_LANE_ENGINE && event->engine.type == DPS_EVENT_PATH_LOST);
	const bool is_open =
		event->type == DPS_LANE_ENGINE && event->engine.type == DPS_EVENT_PATH_OPEN;
	struct dps_striped_path *path;
	uint32_t member;

	if (!is_lost && !is_open)
		return dps_stripes_on_channel_event(stripes, event, now_ns);
	path = dps_stripes_find_path(stripes, event->engine.path, &member);
	if (path && is_lost)
		lose_path(stripes, path, member, event, now_ns);
	else if (path)
		open_member(stripes, path, member, event, now_ns);
	return path != NULL;
}
