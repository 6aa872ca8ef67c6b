/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/name_table.h"
#include "drivers/digest/digest.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	USE_FILE = 1,
	USE_FOLDER = 2, /* offered as such */
	USE_PARENT = 4, /* another name lies in it; so do all folders above */
	ROOM_MIN = 64,
};

void dps_name_table_init(struct dps_name_table *table, size_t count_max)
{
	*table = (struct dps_name_table){ .count_max = count_max };
}

void dps_name_table_fini(struct dps_name_table *table)
{
	free(table->entries);
	*table = (struct dps_name_table){ 0 };
}

/* Open addressing with linear probing: the entry of the name, or the empty place for it. */
static struct dps_name_entry *find(const struct dps_name_table *table, const char *name,
				   size_t name_bytes)
{
	size_t at = (size_t)dps_digest_short_of(name, name_bytes) & (table->room - 1);

	for (;;) {
		struct dps_name_entry *entry = &table->entries[at];

		if (entry->uses == 0 ||
		    (entry->name_bytes == name_bytes && memcmp(entry->name, name, name_bytes) == 0))
			return entry;
		at = (at + 1) & (table->room - 1);
	}
}

static int grow(struct dps_name_table *table)
{
	struct dps_name_table larger = *table;

	larger.room = table->room ? table->room * 2 : ROOM_MIN;
	larger.entries = calloc(larger.room, sizeof(*larger.entries));
	if (!larger.entries)
		return -ENOMEM;
	for (size_t i = 0; i < table->room; i++) {
		const struct dps_name_entry *entry = &table->entries[i];

		if (entry->uses)
			*find(&larger, entry->name, entry->name_bytes) = *entry;
	}
	free(table->entries);
	*table = larger;
	return 0;
}

/* The entry of a name, made when it is missing; *uses is what it was used for so far. */
static int use(struct dps_name_table *table, const char *name, size_t name_bytes, uint32_t how,
	       uint32_t *uses)
{
	struct dps_name_entry *entry;

	if (table->count * 4 >= table->room * 3) {
		int err = grow(table);

		if (err < 0)
			return err;
	}
	entry = find(table, name, name_bytes);
	*uses = entry->uses;
	if (entry->uses == 0) {
		if (table->count == table->count_max)
			return -E2BIG;
		table->count++;
		entry->name = name;
		entry->name_bytes = (uint32_t)name_bytes;
	}
	entry->uses |= how;
	return 0;
}

static int add_parents(struct dps_name_table *table, const char *name, size_t name_bytes)
{
	while (name_bytes > 0) {
		uint32_t uses;
		int err;

		if (name[--name_bytes] != '/')
			continue;
		err = use(table, name, name_bytes, USE_PARENT, &uses);
		if (err < 0)
			return err;
		if (uses & USE_FILE)
			return -ENOTDIR;
		if (uses & USE_PARENT)
			return 0;
	}
	return 0;
}

int dps_name_table_add(struct dps_name_table *table, const char *name, size_t name_bytes,
		       bool is_folder)
{
	uint32_t uses;
	int err = use(table, name, name_bytes, is_folder ? USE_FOLDER : USE_FILE, &uses);

	if (err < 0)
		return err;
	if (uses & (USE_FILE | USE_FOLDER))
		return -EEXIST;
	if (!is_folder && (uses & USE_PARENT))
		return -EISDIR;
	return add_parents(table, name, name_bytes);
}
