/* SPDX-License-Identifier: BSD-3-Clause */
#include <dps/assert.h>
#include <dps/error.h>

enum detail { NO_DETAIL, CODE, REASON };

struct kind {
	int error;
	enum detail detail;
	const char *name;
	const char *text; /* what happened, and behind it what to do */
	const char *advice;
};

static const struct kind kinds[] = {
	{ 0, NO_DETAIL, "ok", "nothing failed", "" },
	{ DPS_ERROR_CLOSED, NO_DETAIL, "closed", "it is closed, or was never open",
	  "; open it first" },
	{ DPS_ERROR_FINISHED, NO_DETAIL, "finished", "its end was said already",
	  "; send what follows on another stream" },
	{ DPS_ERROR_ABORTED, CODE, "aborted", "the sender gave it up",
	  "; what arrived of it is not complete" },
	{ DPS_ERROR_STOPPED, CODE, "stopped", "the receiver wants no more of it",
	  "; ask the receiving program why" },
	{ DPS_ERROR_LOST, REASON, "connection_lost", "the connection to the peer is lost",
	  "; connect again" },
	{ DPS_ERROR_CANCELLED, NO_DETAIL, "cancelled", "it was cancelled before it was done", "" },
	{ DPS_ERROR_REFUSED, CODE, "refused", "the peer refused it",
	  "; ask the receiving program why" },
	{ DPS_ERROR_TIMEOUT, NO_DETAIL, "timeout", "it took longer than its deadline allows",
	  "; wait again or give it up" },
	{ DPS_ERROR_SHUTTING_DOWN, NO_DETAIL, "shutting_down",
	  "the program is shutting down and begins nothing new", "" },
	{ DPS_ERROR_FULL, NO_DETAIL, "full", "there is no room for it now",
	  "; go on when it is said to be writable" },
	{ DPS_ERROR_PARKED, NO_DETAIL, "parked",
	  "the connection is lost for now and what is queued waits", "; go on when it is resumed" },
	{ DPS_ERROR_LIMIT, NO_DETAIL, "limit_reached", "as many are open as is allowed",
	  "; close one, or let it wait for its turn" },
	{ DPS_ERROR_BUSY, NO_DETAIL, "busy", "the peer has no hand free", "; try again later" },
	{ DPS_ERROR_NO_ROOM, NO_DETAIL, "no_room", "the table for it is full",
	  "; raise its limit" },
	{ DPS_ERROR_INVALID, NO_DETAIL, "invalid", "the call makes no sense like this",
	  "; see its description" },
	{ DPS_ERROR_THREAD, NO_DETAIL, "wrong_thread", "the call is another thread's to make",
	  "; have the thread that polls make it" },
	{ DPS_ERROR_TOO_LONG, NO_DETAIL, "too_long", "it is longer than it may be",
	  "; send it in parts or raise the limit" },
	{ DPS_ERROR_UNKNOWN, NO_DETAIL, "unknown", "there is no such thing at the peer",
	  "; check its name" },
	{ DPS_ERROR_EXISTS, NO_DETAIL, "exists", "there is one of that name already", "" },
	{ DPS_ERROR_ALREADY, NO_DETAIL, "already",
	  "it is on its way or done, too late to change it", "" },
	{ DPS_ERROR_TRUNCATED, NO_DETAIL, "truncated", "it ended in the middle or is damaged", "" },
	{ DPS_ERROR_PROTOCOL, NO_DETAIL, "protocol", "the peer broke the protocol",
	  "; check that both sides run versions that fit" },
	{ DPS_ERROR_INTERNAL, NO_DETAIL, "internal", "the peer failed while it did it",
	  "; see the peer's log" },
	{ DPS_ERROR_STALE, NO_DETAIL, "stale", "it belongs to a connection that is over", "" },
};

static const char *const library_codes[] = {
	"its owner went away before it was finished",
	"more streams than were allowed",
	"nobody takes streams there",
	"that side is shutting down",
	"not answered in time",
};

static const char *const reasons[] = {
	[DPS_CLOSE_NONE] = "none",	     [DPS_CLOSE_DONE] = "done",
	[DPS_CLOSE_CANCELLED] = "cancelled", [DPS_CLOSE_PROTOCOL] = "protocol",
	[DPS_CLOSE_IDLE] = "idle",	     [DPS_CLOSE_UNREACHABLE] = "unreachable",
	[DPS_CLOSE_SHUTDOWN] = "shutdown",   [DPS_CLOSE_SUPERSEDED] = "superseded",
	[DPS_CLOSE_LOSS] = "loss",
};

/* Of either sign, INT_MIN too. */
static uint64_t number_of(int error)
{
	return (uint64_t)(error < 0 ? -(int64_t)error : (int64_t)error);
}

static const struct kind *find(int error)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if ((uint64_t)kinds[i].error == number_of(error))
			return &kinds[i];
	return NULL;
}

const char *dps_error_name(int error)
{
	const struct kind *kind = find(error);

	return kind == NULL ? "system" : kind->name;
}

const char *dps_close_reason_name(uint32_t reason)
{
	return reason < sizeof(reasons) / sizeof(*reasons) ? reasons[reason] : "unknown";
}

struct writer {
	char *text;
	size_t room; /* its zero included */
	size_t length;
};

static void put(struct writer *writer, const char *words)
{
	for (; *words != '\0' && writer->length + 1 < writer->room; words++)
		writer->text[writer->length++] = *words;
}

static void put_number(struct writer *writer, uint64_t number)
{
	char digits[21];
	char *at = digits + sizeof(digits) - 1;

	*at = '\0';
	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	put(writer, at);
}

static void put_code(struct writer *writer, uint64_t code)
{
	put(writer, " (");
	if (code > DPS_CODE_MAX && code <= DPS_CODE_LAST) {
		put(writer, library_codes[code - DPS_CODE_MAX - 1]);
	} else {
		put(writer, "code ");
		put_number(writer, code);
	}
	put(writer, ")");
}

size_t dps_error_write(const struct dps_error *error, char *text, size_t room)
{
	struct writer writer = { .text = text, .room = room };
	const struct kind *kind = find(error->error);

	DPS_ASSERT(room > 0);
	if (kind == NULL) {
		put(&writer, "the system failed (errno ");
		put_number(&writer, number_of(error->error));
		put(&writer, ")");
	} else {
		put(&writer, kind->text);
		if (kind->detail == CODE)
			put_code(&writer, error->code);
		if (kind->detail == REASON && error->reason != DPS_CLOSE_NONE) {
			put(&writer, " (");
			put(&writer, dps_close_reason_name(error->reason));
			put(&writer, ")");
		}
		put(&writer, kind->advice);
	}
	text[writer.length] = '\0';
	return writer.length;
}
