/* SPDX-License-Identifier: BSD-3-Clause */
/* What <cmocka.h> needs in front of it. */
#pragma once
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
