/* SPDX-License-Identifier: BSD-3-Clause */
/* Must: asserts in a process that a test has forked, which tells by its exit. */
#pragma once
#include <stdio.h>
#include <unistd.h>

/* Nobody's user and group. */
enum { NOBODY = 65534 };

/* Exits with 1 if what does not hold, after a word on where. */
#define MUST(what)                                                                                 \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "line %d: %s\n", __LINE__, #what);                         \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)
