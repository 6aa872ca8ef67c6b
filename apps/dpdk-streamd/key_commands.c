/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/key_commands.h"
#include "apps/dpdk-streamd/state_folder.h"
#include "drivers/trust/identity.h"
#include <string.h>
#include <unistd.h>

enum { STATUS_FAILED = 2 };

static int show(const struct dps_identity *identity)
{
	char text[DPS_FINGERPRINT_TEXT_BYTES];

	dps_fingerprint_format(&identity->fingerprint, text);
	if (printf("%s\n", text) > 0 && fflush(stdout) == 0)
		return 0;
	fprintf(stderr, "dpdk-streamd: the fingerprint cannot be written\n");
	return STATUS_FAILED;
}

int dps_key_command_run(const struct dps_options *options)
{
	char folder[DPS_STATE_FOLDER_BYTES], sentence[DPS_TRUST_SENTENCE_BYTES];
	bool may_make = options->command == DPS_COMMAND_KEYGEN, is_new;
	struct dps_identity identity;
	int folder_fd, status = STATUS_FAILED;

	dps_state_folder_find(options, folder);
	folder_fd = dps_state_folder_open(folder);
	if (folder_fd < 0) {
		fprintf(stderr,
			"dpdk-streamd: the state folder %s: %s; name another with --state\n",
			folder, strerror(-folder_fd));
		return STATUS_FAILED;
	}
	if (dps_identity_open(&identity, folder_fd, folder, may_make, &is_new, sentence) < 0) {
		fprintf(stderr, "dpdk-streamd: %s\n", sentence);
	} else {
		if (may_make)
			fprintf(stderr, "dpdk-streamd: %s %s/%s\n",
				is_new ? "a new key is in" : "there is a key already, in", folder,
				DPS_IDENTITY_NAME);
		status = show(&identity);
		dps_identity_close(&identity);
	}
	close(folder_fd);
	return status;
}
