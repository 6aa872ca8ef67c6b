/* SPDX-License-Identifier: BSD-3-Clause */
/* EAL in the test's own process, from before the first test of a group until after its last. */
#pragma once

/* For cmocka_run_group_tests(); with ordinary memory. */
int with_eal_start(void **state);
int with_eal_stop(void **state);
