/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/transfer_owner.h"
#include "tests/support/cmocka.h"
#include <string.h>

static struct dps_peer_standing with_key(uint8_t byte, const char *into)
{
	struct dps_peer_standing standing = { .has_key = true };

	memset(&standing.key, byte, sizeof(standing.key));
	strcpy(standing.grant.into, into);
	return standing;
}

static bool is_same_peer(const char *one, const char *other)
{
	return dps_transfer_owner_is_same_peer(one, strlen(one), other, strlen(other));
}

static bool may_resume(const char *owner, const struct dps_peer_standing *standing)
{
	return dps_transfer_owner_may_resume(owner, strlen(owner), standing);
}

static void is_same_peer__goes_by_the_key(void **state)
{
	const struct dps_peer_standing one = with_key(1, ""), other = with_key(2, "");
	char here[DPS_TRANSFER_OWNER_BYTES], there[DPS_TRANSFER_OWNER_BYTES];

	(void)state;
	dps_transfer_owner_format(here, "192.0.2.1:1000", &one);
	dps_transfer_owner_format(there, "192.0.2.2:1000", &one);
	assert_true(is_same_peer(here, there));
	dps_transfer_owner_format(there, "192.0.2.1:1000", &other);
	assert_false(is_same_peer(here, there));
}

/* As journals of earlier versions have them. */
static void is_same_peer__goes_by_the_address_where_there_is_no_key(void **state)
{
	const struct dps_peer_standing one = with_key(1, "lab");
	char here[DPS_TRANSFER_OWNER_BYTES];

	(void)state;
	dps_transfer_owner_format(here, "192.0.2.1:1000", &one);
	assert_true(is_same_peer(here, "192.0.2.1:2000"));
	assert_false(is_same_peer(here, "192.0.2.10:2000"));
	assert_false(is_same_peer(here, "192.0.2.2:1000"));
	assert_true(is_same_peer("[fe80::1]:1", "[fe80::1]:2"));
	assert_false(is_same_peer("", ""));
	assert_false(is_same_peer("192.0.2.1", "192.0.2.1"));
}

static void may_resume__only_who_has_the_key_and_the_folder(void **state)
{
	const struct dps_peer_standing one = with_key(1, ""), other = with_key(2, "");
	const struct dps_peer_standing lab = with_key(1, "lab");
	const struct dps_peer_standing nobody = { 0 };
	char owner[DPS_TRANSFER_OWNER_BYTES];

	(void)state;
	dps_transfer_owner_format(owner, "192.0.2.1:1000", &one);
	assert_true(may_resume(owner, &one));
	assert_false(may_resume(owner, &other));
	assert_false(may_resume(owner, &lab));
	dps_transfer_owner_format(owner, "192.0.2.1:1000", &lab);
	assert_true(may_resume(owner, &lab));
	assert_false(may_resume(owner, &one));
	dps_transfer_owner_format(owner, "192.0.2.1:1000", &nobody);
	assert_string_equal(owner, "192.0.2.1:1000");
	assert_true(may_resume(owner, &one));
	assert_false(may_resume(owner, &lab));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_same_peer__goes_by_the_key),
		cmocka_unit_test(is_same_peer__goes_by_the_address_where_there_is_no_key),
		cmocka_unit_test(may_resume__only_who_has_the_key_and_the_folder),
	};

	return cmocka_run_group_tests_name("transfer_owner", tests, NULL, NULL);
}
