/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/cmocka.h"
#include <dps/error.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const int kinds[] = {
	0,
	DPS_ERROR_CLOSED,
	DPS_ERROR_FINISHED,
	DPS_ERROR_ABORTED,
	DPS_ERROR_STOPPED,
	DPS_ERROR_LOST,
	DPS_ERROR_CANCELLED,
	DPS_ERROR_REFUSED,
	DPS_ERROR_TIMEOUT,
	DPS_ERROR_SHUTTING_DOWN,
	DPS_ERROR_FULL,
	DPS_ERROR_PARKED,
	DPS_ERROR_LIMIT,
	DPS_ERROR_BUSY,
	DPS_ERROR_NO_ROOM,
	DPS_ERROR_INVALID,
	DPS_ERROR_TOO_LONG,
	DPS_ERROR_UNKNOWN,
	DPS_ERROR_EXISTS,
	DPS_ERROR_ALREADY,
	DPS_ERROR_TRUNCATED,
	DPS_ERROR_PROTOCOL,
	DPS_ERROR_INTERNAL,
	DPS_ERROR_STALE,
	DPS_ERROR_THREAD,
};

enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

static void name__is_distinct_for_each_kind(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		assert_string_not_equal(dps_error_name(-kinds[i]), "system");
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(dps_error_name(-kinds[i]),
						dps_error_name(-kinds[j]));
	}
	assert_string_equal(dps_error_name(-EIO), "system");
}

/* Programs compare them. */
static void name__is_stable(void **state)
{
	(void)state;
	assert_string_equal(dps_error_name(0), "ok");
	assert_string_equal(dps_error_name(-EBADF), "closed");
	assert_string_equal(dps_error_name(-EPIPE), "finished");
	assert_string_equal(dps_error_name(-ECONNABORTED), "aborted");
	assert_string_equal(dps_error_name(-ECONNRESET), "stopped");
	assert_string_equal(dps_error_name(-ENETRESET), "connection_lost");
	assert_string_equal(dps_error_name(-ETIMEDOUT), "timeout");
	assert_string_equal(dps_error_name(-ECANCELED), "cancelled");
	assert_string_equal(dps_error_name(-ECONNREFUSED), "refused");
	assert_string_equal(dps_error_name(-EUSERS), "limit_reached");
	assert_string_equal(dps_error_name(-EAGAIN), "full");
}

static void close_reason_name__knows_all_and_no_more(void **state)
{
	(void)state;
	for (uint32_t i = 0; i <= DPS_CLOSE_LOSS; i++)
		for (uint32_t j = 0; j < i; j++)
			assert_string_not_equal(dps_close_reason_name(i), dps_close_reason_name(j));
	assert_string_equal(dps_close_reason_name(DPS_CLOSE_SHUTDOWN), "shutdown");
	assert_string_equal(dps_close_reason_name(DPS_CLOSE_LOSS + 1), "unknown");
	assert_string_equal(dps_close_reason_name(UINT32_MAX), "unknown");
}

static void assert_text(struct dps_error error, const char *wanted)
{
	char text[DPS_ERROR_TEXT_BYTES];

	assert_int_equal(dps_error_write(&error, text, sizeof(text)), strlen(wanted));
	assert_string_equal(text, wanted);
}

static void write__says_code_and_reason(void **state)
{
	(void)state;
	assert_text((struct dps_error){ .error = -DPS_ERROR_STOPPED, .code = 42 },
		    "the receiver wants no more of it (code 42); ask the receiving program why");
	assert_text((struct dps_error){ .error = -DPS_ERROR_STOPPED, .code = UINT64_MAX },
		    "the receiver wants no more of it (code 18446744073709551615); ask the "
		    "receiving program why");
	assert_text((struct dps_error){ .error = -DPS_ERROR_REFUSED, .code = DPS_CODE_UNWANTED },
		    "the peer refused it (nobody takes streams there); ask the receiving program "
		    "why");
	assert_text((struct dps_error){ .error = -DPS_ERROR_LOST, .reason = DPS_CLOSE_IDLE },
		    "the connection to the peer is lost (idle); connect again");
	assert_text((struct dps_error){ .error = -EIO }, "the system failed (errno 5)");
	assert_text((struct dps_error){ .error = INT_MIN }, "the system failed (errno 2147483648)");
}

/* Exactly as long as it says, whatever the room: a sanitizer sees what goes beyond. */
static void write__fits_any_room(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		for (uint64_t code = DPS_CODE_MAX; code <= DPS_CODE_LAST + 1; code++) {
			struct dps_error error = { -kinds[i], DPS_CLOSE_UNREACHABLE, code };
			char whole[DPS_ERROR_TEXT_BYTES];
			size_t length = dps_error_write(&error, whole, sizeof(whole));

			assert_true(length > 0 && length + 1 < sizeof(whole));
			for (size_t room = 1; room <= length + 1; room++) {
				char *text = malloc(room);

				assert_non_null(text);
				assert_int_equal(dps_error_write(&error, text, room), room - 1);
				assert_memory_equal(text, whole, room - 1);
				assert_int_equal(text[room - 1], '\0');
				free(text);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name__is_distinct_for_each_kind),
		cmocka_unit_test(name__is_stable),
		cmocka_unit_test(close_reason_name__knows_all_and_no_more),
		cmocka_unit_test(write__says_code_and_reason),
		cmocka_unit_test(write__fits_any_room),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
