/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Manifest: offers as they arrive, one JSON object a line, of one transfer: decoded, their names
 * checked against each other, taken into the list. What is in it then stays in the peer's folder.
 */
#include "apps/dpdk-streamd/offer_check.h"
#include "drivers/store/name.h"
#include "tests/fuzz/fuzz.h"
#include <dps/assert.h>
#include <dps/layout.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 64 };

/* The folder that is the peer's. */
#define INTO "of/this/peer"

static atomic_bool must_stop;

/* Stays beneath the folder that it is made in, by its parts alone. */
static void check_name(const struct dps_manifest_file *file)
{
	const char *part = file->name;

	DPS_ASSERT(strlen(file->name) == file->name_bytes && file->name_bytes > 0);
	DPS_ASSERT(!dps_name_refusal(file->name, file->name_bytes));
	DPS_ASSERT(strncmp(file->name, INTO "/", sizeof(INTO)) == 0);
	while (part) {
		const char *end = strchr(part, '/');
		size_t bytes = end ? (size_t)(end - part) : strlen(part);

		DPS_ASSERT(bytes > 0 && !(bytes == 1 && part[0] == '.') &&
			   !(bytes == 2 && part[0] == '.' && part[1] == '.'));
		part = end ? end + 1 : NULL;
	}
}

static void check(const struct dps_manifest *manifest)
{
	struct dps_layout layout;

	dps_layout_init(&layout, 4096);
	for (uint32_t i = 0; i < manifest->count; i++) {
		const struct dps_manifest_file *file = &manifest->files[i];
		uint64_t offset = 0;

		check_name(file);
		DPS_ASSERT(file->state == DPS_MANIFEST_WAITING);
		for (uint32_t j = 0; j < i; j++)
			DPS_ASSERT(strcmp(file->name, manifest->files[j].name) != 0);
		if (file->size_bytes != DPS_NUMBER_NONE &&
		    dps_layout_place(&layout, file->size_bytes, &offset) == 0)
			DPS_ASSERT(offset + file->size_bytes <= DPS_OFFSET_MAX);
	}
}

/* False when it ends the transfer. */
static bool take(struct dps_manifest *manifest, struct dps_name_table *names,
		 const struct dps_message_offer *offer)
{
	char text[DPS_OFFER_TEXT_BYTES];
	struct dps_offer_check check = {
		.names = names,
		.must_stop = &must_stop,
		.total_bytes = DPS_NUMBER_NONE,
		.chunk_bytes = 4096,
	};
	bool is_good;

	if (offer->files_count > 0 && offer->first != manifest->count)
		return false;
	check.batch = dps_manifest_batch_create(offer, INTO);
	DPS_ASSERT(check.batch);
	dps_offer_check_run(&check.job);
	is_good = check.refusal.code == DPS_CODE_NONE;
	if (is_good) {
		DPS_ASSERT(dps_manifest_append(manifest, check.batch) == 0);
	} else {
		dps_offer_check_explain(&check, false, text);
		DPS_ASSERT(text[0] && memchr(text, '\0', sizeof(text)));
		dps_manifest_batch_free(check.batch);
	}
	free(check.have);
	free(check.have_stamps);
	return is_good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;
	struct dps_manifest manifest;
	struct dps_name_table names;
	bool goes_on = true;

	dps_manifest_init(&manifest);
	dps_name_table_init(&names, NAMES_MAX);
	while (goes_on && data < end) {
		const uint8_t *line_end = memchr(data, '\n', (size_t)(end - data));
		size_t bytes = (size_t)((line_end ? line_end : end) - data);
		char error[DPS_MESSAGE_ERROR_BYTES];
		struct dps_message message;

		if (dps_message_decode(&message, data, bytes, error) != DPS_CODE_NONE)
			break;
		if (message.type == DPS_MESSAGE_OFFER || message.type == DPS_MESSAGE_OFFER_MORE)
			goes_on = take(&manifest, &names, &message.offer);
		dps_message_fini(&message);
		data += bytes + 1;
	}
	check(&manifest);
	dps_name_table_fini(&names);
	dps_manifest_fini(&manifest);
	return 0;
}
