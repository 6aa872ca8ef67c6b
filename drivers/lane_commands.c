/* SPDX-License-Identifier: BSD-3-Clause */
/* Lane commands: what the control core asks of a lane, carried out between two bursts. */
#include "drivers/lane_state.h"
#include <errno.h>

void dps_lane_close_file(struct dps_lane *lane, uint32_t file)
{
	struct dps_lane_file *record;

	if (file >= DPS_LANE_FILES || !lane->files[file].is_open)
		return;
	record = &lane->files[file];
	lane->config.disk->ops->remove_file(lane->config.disk, file);
	if (record->is_closing)
		lane->closing_count--;
	record->is_open = record->is_closing = false;
	dps_lane_say(lane, &(struct dps_lane_event){
				   .type = DPS_LANE_FILE_CLOSED,
				   .fd = record->fd,
			   });
}

void dps_lane_abandon_channel(struct dps_lane *lane, uint32_t channel)
{
	for (uint32_t i = 0; i < DPS_LANE_FILES; i++) {
		struct dps_lane_file *file = &lane->files[i];

		if (!file->is_open || file->is_closing || file->channel != channel)
			continue;
		file->is_closing = true;
		lane->closing_count++;
	}
	lane->channel_paths[channel] = UINT32_MAX;
}

void dps_lane_abandon_path(struct dps_lane *lane, uint32_t index)
{
	struct dps_lane_path *path = &lane->paths[index];

	for (uint32_t i = 0; i < lane->config.limits.channels; i++)
		if (lane->channel_paths[i] == index)
			dps_lane_abandon_channel(lane, i);
	if (path->remote != DPS_LANE_NO_REMOTE && !path->is_retiring) {
		path->is_retiring = true;
		lane->retiring_count++;
	}
}

uint32_t dps_lane_path_name(const struct dps_lane *lane, uint32_t index)
{
	return lane->paths[index].life << DPS_LANE_PATH_BITS | index;
}

/* False for a path that was lost or closed, and may be another's by now. */
static bool find_path(const struct dps_lane *lane, uint32_t name, uint32_t *index)
{
	*index = name & ((1U << DPS_LANE_PATH_BITS) - 1);
	return *index < lane->config.limits.paths && dps_lane_path_name(lane, *index) == name;
}

void dps_lane_release_remotes(struct dps_lane *lane)
{
	if (lane->outgoing_first < lane->outgoing_count) /* they may be what bears it */
		return;
	for (uint32_t i = 0; i < lane->config.limits.paths && lane->retiring_count > 0; i++) {
		struct dps_lane_path *path = &lane->paths[i];

		if (!path->is_retiring || dps_engine_has_path(lane->engine, i))
			continue;
		lane->config.port->ops->remove_remote(lane->config.port, path->remote);
		path->remote = DPS_LANE_NO_REMOTE;
		dps_lane_drop_seal(lane, i);
		path->is_retiring = false;
		lane->retiring_count--;
	}
}

/* Opens it in the engine, with its keys and the port's name for where it goes, or not at all. */
static int open_in_engine(struct dps_lane *lane, const struct dps_lane_command *command,
			  uint32_t index)
{
	struct dps_path_config config = command->open_path.config;
	struct dps_port *port = lane->config.port;
	int result = port->ops->add_remote(port, &command->open_path.address);

	if (result < 0)
		return result;
	config.remote = (uint32_t)result;
	config.is_sealed = command->open_path.seal != NULL;
	result = dps_engine_open_path(lane->engine, index, &config, lane->now_ns);
	if (result < 0) {
		port->ops->remove_remote(port, config.remote);
		return result;
	}
	lane->paths[index].remote = config.remote;
	return 0;
}

static void open_path(struct dps_lane *lane, const struct dps_lane_command *command)
{
	struct dps_seal *seal = command->open_path.seal;
	uint32_t index;
	int result = -ENOENT;

	if (find_path(lane, command->path, &index)) {
		dps_lane_take_seal(lane, index, seal);
		result = open_in_engine(lane, command, index);
		if (result < 0)
			dps_lane_drop_seal(lane, index);
	} else if (seal) {
		seal->destroy(seal);
	}
	if (result < 0)
		dps_lane_say(lane, &(struct dps_lane_event){
					   .type = DPS_LANE_PATH_FAILED,
					   .engine = { .path = command->path, .error = result },
				   });
}

static void open_channel(struct dps_lane *lane, const struct dps_lane_command *command)
{
	struct dps_lane_event event = {
		.type = DPS_LANE_CHANNEL_OPENED,
		.cookie = command->cookie,
	};
	struct dps_channel_config config = command->open_channel;
	struct dps_channel_state state;
	int result = -ENOENT;

	if (find_path(lane, command->open_channel.path, &config.path))
		result = dps_engine_open_channel(lane->engine, &config);
	event.engine.path = command->open_channel.path;
	if (result < 0) {
		event.engine.error = result;
	} else {
		event.engine.channel = (uint32_t)result;
		(void)dps_engine_read_channel(lane->engine, (uint32_t)result, &state);
		event.engine.generation = state.generation;
		lane->channel_paths[result] = config.path;
	}
	dps_lane_say(lane, &event);
}

/* Names the file to the disk; an empty file needs no name. */
static int name_file(struct dps_lane *lane, const struct dps_lane_command *command, uint32_t *file)
{
	struct dps_disk *disk = lane->config.disk;
	int result;

	*file = UINT32_MAX;
	if (command->extent.bytes == 0)
		return 0;
	result = disk->ops->add_file(disk, command->fd, command->is_direct);
	if (result < 0)
		return result;
	if (result >= DPS_LANE_FILES) {
		disk->ops->remove_file(disk, (uint32_t)result);
		return -ENFILE;
	}
	*file = (uint32_t)result;
	lane->files[result] = (struct dps_lane_file){
		.fd = command->fd,
		.channel = command->channel,
		.is_open = true,
	};
	return 0;
}

static void give_extent(struct dps_lane *lane, const struct dps_lane_command *command)
{
	struct dps_extent_config extent = command->extent;
	int result = name_file(lane, command, &extent.file);

	if (result == 0) {
		if (command->type == DPS_COMMAND_ANNOUNCE)
			result = dps_engine_announce(lane->engine, command->channel, &extent);
		else
			result = dps_engine_resend(lane->engine, command->channel, &extent,
						   command->offset);
		if (result == 0) {
			/* An empty file has nothing to be read or written: its descriptor is free.
			 */
			if (extent.file == UINT32_MAX && command->fd >= 0)
				dps_lane_say(lane, &(struct dps_lane_event){
							   .type = DPS_LANE_FILE_CLOSED,
							   .fd = command->fd,
						   });
			return;
		}
		if (extent.file != UINT32_MAX) {
			lane->config.disk->ops->remove_file(lane->config.disk, extent.file);
			lane->files[extent.file].is_open = false;
		}
	}
	/* The descriptor stays the sender's. */
	dps_lane_say(lane, &(struct dps_lane_event){
				   .type = DPS_LANE_REFUSED,
				   .fd = command->fd,
				   .engine = { .channel = command->channel,
					       .generation = command->generation,
					       .file_index = extent.file_index,
					       .error = result },
			   });
}

static void stop(struct dps_lane *lane, uint32_t reason)
{
	for (uint32_t i = 0; i < lane->config.limits.paths; i++) {
		dps_engine_close_path(lane->engine, i, reason, lane->now_ns);
		dps_lane_abandon_path(lane, i);
	}
	lane->is_stopping = true;
}

/* Whether the channel is still the one that the sender of the command knows. */
static bool is_current(struct dps_lane *lane, const struct dps_lane_command *command)
{
	struct dps_channel_state state;

	return dps_engine_read_channel(lane->engine, command->channel, &state) == 0 &&
	       state.generation == command->generation;
}

static void look(struct dps_lane *lane, const struct dps_lane_command *command)
{
	struct dps_channel_state state;

	if (dps_engine_read_channel(lane->engine, command->channel, &state) == 0)
		dps_lane_say(lane, &(struct dps_lane_event){
					   .type = DPS_LANE_CHANNEL_STATE,
					   .engine = { .channel = command->channel,
						       .generation = command->generation,
						       .offset = state.contiguous },
				   });
}

static void on_channel_command(struct dps_lane *lane, const struct dps_lane_command *command)
{
	switch (command->type) {
	case DPS_COMMAND_CLOSE_CHANNEL:
		dps_engine_close_channel(lane->engine, command->channel);
		dps_lane_abandon_channel(lane, command->channel);
		break;
	case DPS_COMMAND_ANNOUNCE:
	case DPS_COMMAND_RESEND:
		give_extent(lane, command);
		break;
	case DPS_COMMAND_SET_SHARE:
		(void)dps_engine_set_window(lane->engine, command->channel,
					    command->share.window_bytes);
		(void)dps_engine_set_rate(lane->engine, command->channel,
					  command->share.bytes_per_s);
		break;
	case DPS_COMMAND_ANNOUNCE_LAST:
		(void)dps_engine_announce_last(lane->engine, command->channel);
		break;
	case DPS_COMMAND_SKIP:
		(void)dps_engine_skip(lane->engine, command->channel, command->file_index,
				      command->offset, lane->now_ns);
		break;
	case DPS_COMMAND_STORED:
		(void)dps_engine_mark_stored(lane->engine, command->channel, command->offset);
		break;
	case DPS_COMMAND_LOOK:
		look(lane, command);
		break;
	case DPS_COMMAND_WRITE_AGAIN:
		(void)dps_engine_write_again(lane->engine, command->channel, lane->now_ns);
		break;
	default:
		break;
	}
}

static void close_path(struct dps_lane *lane, const struct dps_lane_command *command)
{
	uint32_t index;

	if (!find_path(lane, command->path, &index))
		return;
	dps_engine_close_path(lane->engine, index, command->value, lane->now_ns);
	dps_lane_abandon_path(lane, index);
}

static void watch_path(struct dps_lane *lane, const struct dps_lane_command *command)
{
	uint32_t index;

	if (find_path(lane, command->path, &index))
		dps_engine_watch_path(lane->engine, index, command->value != 0, lane->now_ns);
}

static void do_command(struct dps_lane *lane, const struct dps_lane_command *command)
{
	switch (command->type) {
	case DPS_COMMAND_OPEN_PATH:
		open_path(lane, command);
		return;
	case DPS_COMMAND_CLOSE_PATH:
		close_path(lane, command);
		return;
	case DPS_COMMAND_WATCH_PATH:
		watch_path(lane, command);
		return;
	case DPS_COMMAND_OPEN_CHANNEL:
		open_channel(lane, command);
		return;
	case DPS_COMMAND_STOP:
		stop(lane, command->value);
		return;
	default:
		break;
	}
	if (is_current(lane, command)) {
		on_channel_command(lane, command);
	} else if (command->type == DPS_COMMAND_ANNOUNCE || command->type == DPS_COMMAND_RESEND) {
		dps_lane_say(lane, &(struct dps_lane_event){
					   .type = DPS_LANE_REFUSED,
					   .fd = command->fd,
					   .engine = { .channel = command->channel,
						       .generation = command->generation,
						       .file_index = command->extent.file_index,
						       .error = -ENOENT },
				   });
	}
}

unsigned int dps_lane_do_commands(struct dps_lane *lane)
{
	struct dps_lane_command command;
	unsigned int count = 0;

	while (count < DPS_PORT_BURST && dps_mailbox_room(&lane->events) > DPS_LANE_OUTBOX_SPARE &&
	       dps_mailbox_pop(&lane->commands, &command)) {
		do_command(lane, &command);
		count++;
	}
	return count;
}
