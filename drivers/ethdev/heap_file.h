/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Heap file: the descriptors behind DPDK's memory, kept alive for a zero-copy memif client.
 *
 * Such a client hands them to its server, and net_memif 22.11 closes them when the link comes up
 * (memif_connect: "close memseg file"), though they are EAL's own: the next connection would hand
 * over whatever has that number by then. So a copy of each is kept, and put back under its number.
 * EAL is started with its descriptors high up, where nobody else is given that number meanwhile.
 */
#pragma once

/* Before EAL, and after it: takes the low descriptors away, and gives them back. */
void dps_heap_file_raise(void);
void dps_heap_file_lower(void);

/* Remembers the descriptors of all memory that there is. Main thread, before a client's start. */
void dps_heap_file_keep(void);
/* Puts back what was closed. Returns 0, or -EBUSY when somebody else has a number now. Lanes. */
int dps_heap_file_restore(void);
