/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/needed_rights.h"
#include "tests/support/cmocka.h"
#include <linux/capability.h>

static void of__what_files_and_commands_need(void **state)
{
	const dps_rights writes =
		DPS_RIGHT(CAP_DAC_OVERRIDE) | DPS_RIGHT(CAP_FOWNER) | DPS_RIGHT(CAP_CHOWN);
	struct dps_needed_rights needs = { .port = DPS_PORT_UDP };

	(void)state;
	assert_true(dps_needed_rights_of(&needs) == 0);
	needs.reads_files = true;
	assert_true(dps_needed_rights_of(&needs) == DPS_RIGHT(CAP_DAC_READ_SEARCH));
	needs = (struct dps_needed_rights){ .port = DPS_PORT_UDP, .has_command = true };
	assert_true(dps_needed_rights_of(&needs) == DPS_RIGHT(CAP_KILL));
	needs = (struct dps_needed_rights){ .port = DPS_PORT_UDP, .writes_files = true };
	assert_true(dps_needed_rights_of(&needs) == writes);
	needs = (struct dps_needed_rights){ .port = DPS_PORT_UDP, .uses_strangers = true };
	assert_true(dps_needed_rights_of(&needs) ==
		    (DPS_RIGHT(CAP_DAC_OVERRIDE) | DPS_RIGHT(CAP_CHOWN)));
}

static void of__what_ports_need(void **state)
{
	const dps_rights of_network = DPS_RIGHT(CAP_NET_ADMIN) | DPS_RIGHT(CAP_NET_RAW);
	struct dps_needed_rights needs = { .port = DPS_PORT_AF_PACKET, .has_bpf_right = true };

	(void)state;
	assert_true(dps_needed_rights_of(&needs) == 0);
	needs.port = DPS_PORT_MEMIF;
	assert_true(dps_needed_rights_of(&needs) == 0);
	needs.is_collector = true;
	assert_true(dps_needed_rights_of(&needs) == DPS_RIGHT(CAP_DAC_OVERRIDE));
	needs.port = DPS_PORT_AF_XDP;
	assert_true(dps_needed_rights_of(&needs) == (of_network | DPS_RIGHT(CAP_BPF)));
	needs.has_bpf_right = false;
	assert_true(dps_needed_rights_of(&needs) == (of_network | DPS_RIGHT(CAP_SYS_ADMIN)));
	needs.port = DPS_PORT_PCI;
	assert_true(dps_needed_rights_of(&needs) == (of_network | DPS_RIGHT(CAP_IPC_LOCK)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of__what_files_and_commands_need),
		cmocka_unit_test(of__what_ports_need),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
