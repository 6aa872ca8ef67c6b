/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzz: the one function of every target; libFuzzer calls it, or replay_main.c does. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Borrows size bytes that end where their allocation ends. Returns 0; a broken promise panics. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
