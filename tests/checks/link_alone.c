/* SPDX-License-Identifier: BSD-3-Clause */
/* Links every object of the engine with nothing beside it but the one function it may call. */
#include <dps/assert.h>

_Noreturn void dps_panic(const char *expression, const char *file, int line)
{
	(void)expression;
	(void)file;
	(void)line;
	__builtin_trap();
}

int main(void)
{
	return 0;
}
