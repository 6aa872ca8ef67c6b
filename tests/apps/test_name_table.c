/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/name_table.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add_file(struct dps_name_table *table, const char *name)
{
	return dps_name_table_add(table, name, strlen(name), false);
}

static int add_folder(struct dps_name_table *table, const char *name)
{
	return dps_name_table_add(table, name, strlen(name), true);
}

static void add__takes_a_tree_in_any_order(void **state)
{
	struct dps_name_table table;

	(void)state;
	dps_name_table_init(&table, 1000);
	assert_int_equal(add_file(&table, "a/b/one"), 0);
	assert_int_equal(add_folder(&table, "a/b"), 0);
	assert_int_equal(add_folder(&table, "a"), 0);
	assert_int_equal(add_file(&table, "a/b/two"), 0);
	assert_int_equal(add_folder(&table, "c"), 0);
	assert_int_equal(add_file(&table, "c/x"), 0);
	assert_int_equal(add_file(&table, "a/bb"), 0);
	dps_name_table_fini(&table);
}

static void add__finds_a_name_twice(void **state)
{
	struct dps_name_table table;

	(void)state;
	dps_name_table_init(&table, 1000);
	assert_int_equal(add_file(&table, "a/b"), 0);
	assert_int_equal(add_file(&table, "a/b"), -EEXIST);
	assert_int_equal(add_folder(&table, "a/b"), -EEXIST);
	assert_int_equal(add_folder(&table, "c"), 0);
	assert_int_equal(add_folder(&table, "c"), -EEXIST);
	assert_int_equal(add_file(&table, "c"), -EEXIST);
	dps_name_table_fini(&table);
}

static void add__finds_a_file_where_a_folder_is_needed(void **state)
{
	struct dps_name_table table;

	(void)state;
	dps_name_table_init(&table, 1000);
	assert_int_equal(add_file(&table, "a"), 0);
	assert_int_equal(add_file(&table, "a/b/c"), -ENOTDIR);
	assert_int_equal(add_file(&table, "d/e/f"), 0);
	assert_int_equal(add_file(&table, "d/e"), -EISDIR);
	assert_int_equal(add_file(&table, "d"), -EISDIR);
	assert_int_equal(add_folder(&table, "a/x"), -ENOTDIR);
	dps_name_table_fini(&table);
}

static void add__stops_at_its_limit_folders_included(void **state)
{
	struct dps_name_table table;

	(void)state;
	dps_name_table_init(&table, 4);
	assert_int_equal(add_file(&table, "a/b/c"), 0);
	assert_int_equal(add_file(&table, "a/b/d"), 0);
	assert_int_equal(add_file(&table, "a/b/e"), -E2BIG);
	dps_name_table_fini(&table);
}

static void add__holds_many_names(void **state)
{
	enum { COUNT = 20000, NAME_BYTES = 32 };
	char(*names)[NAME_BYTES] = malloc((size_t)COUNT * NAME_BYTES);
	struct dps_name_table table;

	(void)state;
	dps_name_table_init(&table, 100000);
	for (int i = 0; i < COUNT; i++) {
		snprintf(names[i], NAME_BYTES, "d%d/e%d/f%d", i % 7, i % 300, i);
		assert_int_equal(add_file(&table, names[i]), 0);
	}
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(add_file(&table, names[i]), -EEXIST);
	dps_name_table_fini(&table);
	free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add__takes_a_tree_in_any_order),
		cmocka_unit_test(add__finds_a_name_twice),
		cmocka_unit_test(add__finds_a_file_where_a_folder_is_needed),
		cmocka_unit_test(add__stops_at_its_limit_folders_included),
		cmocka_unit_test(add__holds_many_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
