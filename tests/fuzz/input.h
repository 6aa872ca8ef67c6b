/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Input: what a fuzzer gives, read as a script: a byte for what happens, some for how. Behind its
 * end there are zeros, so that a script that was cut still says something.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct input {
	const uint8_t *at, *end;
};

static inline struct input input_of(const uint8_t *data, size_t size)
{
	return (struct input){ data, data + size };
}

static inline bool input_is_over(const struct input *input)
{
	return input->at == input->end;
}

/* A number of so many bytes, the highest first; fewer where the input ends. */
static inline uint64_t take(struct input *input, unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0 && !input_is_over(input))
		value = value << 8 | *input->at++;
	return value;
}

static inline uint8_t take_byte(struct input *input)
{
	return (uint8_t)take(input, 1);
}

/* The next bytes as they are, at most so many: sets *bytes to how many there were. */
static inline const uint8_t *take_run(struct input *input, uint64_t most, uint32_t *bytes)
{
	const uint8_t *run = input->at;
	uint64_t left = (uint64_t)(input->end - input->at);

	*bytes = (uint32_t)(most < left ? most : left);
	input->at += *bytes;
	return run;
}
