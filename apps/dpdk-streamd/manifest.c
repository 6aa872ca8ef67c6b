/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/manifest.h"
#include "apps/dpdk-streamd/file_past.h"
#include <dps/assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FAILURE_TEXT_BYTES = 256 };

struct dps_manifest_batch *dps_manifest_batch_create(const struct dps_message_offer *offer,
						     const char *into)
{
	const size_t into_bytes = strlen(into);
	const uint32_t prefix_bytes = (uint32_t)into_bytes + (into_bytes > 0);
	struct dps_manifest_batch *batch;
	size_t bytes = sizeof(*batch) + offer->files_count * sizeof(batch->files[0]);
	char *text;

	for (uint32_t i = 0; i < offer->files_count; i++)
		bytes += prefix_bytes + offer->files[i].path_bytes + 1;
	batch = malloc(bytes);
	if (!batch)
		return NULL;
	batch->next = NULL;
	batch->first = offer->first;
	batch->count = offer->files_count;
	batch->bytes = bytes;
	batch->have = NULL;
	batch->have_stamps = NULL;
	batch->have_count = 0;
	text = (char *)&batch->files[batch->count];
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct dps_message_file *from = &offer->files[i];

		batch->files[i] = *from;
		batch->files[i].path = text;
		batch->files[i].path_bytes = prefix_bytes + from->path_bytes;
		memcpy(text, into, into_bytes);
		if (prefix_bytes > 0)
			text[into_bytes] = '/';
		memcpy(text + prefix_bytes, from->path, from->path_bytes);
		text[batch->files[i].path_bytes] = '\0';
		text += batch->files[i].path_bytes + 1;
	}
	return batch;
}

void dps_manifest_batch_free(struct dps_manifest_batch *batch)
{
	if (!batch)
		return;
	free(batch->have);
	free(batch->have_stamps);
	free(batch);
}

void dps_manifest_init(struct dps_manifest *manifest)
{
	*manifest = (struct dps_manifest){ 0 };
}

void dps_manifest_fini(struct dps_manifest *manifest)
{
	while (manifest->batches) {
		struct dps_manifest_batch *batch = manifest->batches;

		manifest->batches = batch->next;
		dps_manifest_batch_free(batch);
	}
	for (uint32_t i = 0; i < manifest->count; i++)
		dps_file_past_forget(&manifest->files[i]);
	for (uint32_t i = 0; i < manifest->failures_count; i++)
		free((char *)manifest->failures[i].text);
	free(manifest->failures);
	free(manifest->files);
	*manifest = (struct dps_manifest){ 0 };
}

int dps_manifest_append(struct dps_manifest *manifest, struct dps_manifest_batch *batch)
{
	uint32_t room = manifest->room ? manifest->room : 64;

	DPS_ASSERT(batch->first == manifest->count);
	while (room < manifest->count + batch->count)
		room *= 2;
	if (room > manifest->room) {
		void *files = realloc(manifest->files, room * sizeof(*manifest->files));

		if (!files)
			return -ENOMEM;
		manifest->files = files;
		manifest->room = room;
	}
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct dps_message_file *file = &batch->files[i];

		manifest->files[manifest->count++] = (struct dps_manifest_file){
			.name = file->path,
			.name_bytes = file->path_bytes,
			.size_bytes = file->size_bytes,
			.mtime_ns = file->mtime_ns,
			.is_folder = file->kind == DPS_FILE_DIRECTORY,
			.state = DPS_MANIFEST_WAITING,
		};
	}
	batch->next = manifest->batches;
	manifest->batches = batch;
	return 0;
}

bool dps_manifest_settle(struct dps_manifest *manifest, uint32_t index,
			 enum dps_manifest_state state)
{
	struct dps_manifest_file *file = &manifest->files[index];

	DPS_ASSERT(index < manifest->count && state >= DPS_MANIFEST_STORED);
	if (file->state >= DPS_MANIFEST_STORED)
		return false;
	file->state = (uint8_t)state;
	manifest->settled_count++;
	return true;
}

int dps_manifest_note_failure(struct dps_manifest *manifest, uint32_t index,
			      enum dps_control_code code, const char *text)
{
	uint32_t room = manifest->failures_room ? manifest->failures_room * 2 : 8;
	char *copy = strndup(text, FAILURE_TEXT_BYTES);

	if (copy && manifest->failures_count == manifest->failures_room) {
		void *failures = realloc(manifest->failures, room * sizeof(*manifest->failures));

		if (failures) {
			manifest->failures = failures;
			manifest->failures_room = room;
		} else {
			free(copy);
			copy = NULL;
		}
	}
	if (!copy)
		return -ENOMEM;
	manifest->failures[manifest->failures_count++] = (struct dps_manifest_failure){
		.file = index,
		.code = code,
		.text = copy,
	};
	return 0;
}
