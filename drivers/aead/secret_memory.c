/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/aead/secret_memory.h"
#include <string.h>
#include <sys/mman.h>

void *dps_secret_create(size_t bytes)
{
	void *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	/* Each is one guard more; where the kernel refuses, the others hold. */
	(void)mlock(memory, bytes);
	(void)madvise(memory, bytes, MADV_DONTDUMP);
	(void)madvise(memory, bytes, MADV_WIPEONFORK);
	return memory;
}

void dps_secret_destroy(void *memory, size_t bytes)
{
	if (!memory)
		return;
	explicit_bzero(memory, bytes);
	munmap(memory, bytes);
}
