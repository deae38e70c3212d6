/* The files of a data set, opened once and known by their content. One thread. */
#ifndef BERTD_JOBS_DATA_FILES_H
#define BERTD_JOBS_DATA_FILES_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/hash.h"
#include "data/dataset.h"

struct data_file {
	const char *name; /* borrowed from the spec; NULL: the split is not given */
	int fd;
	enum err failed; /* opening it, for a reason that is the user's: what is below is not set */
	struct errinfo why;
	char sha256[SHA256_HEX_SIZE];
	struct stat as_hashed;
	bool handed_out;
};

struct data_files {
	struct data_file splits[N_SPLITS];
};

/* Opens the file of each split with open and ctx, each with a file offset of its own, and hashes
 * those whose name does not tell the hash ("ds_<sha256>"). A file that the user has to mend is
 * noted, so that reading the data tells of it beside all else that is wrong; any other error is
 * returned. The names are borrowed. */
enum err data_files_open(struct data_files *f, const struct dataset_spec *spec,
			 dataset_opener *open, void *ctx, struct errinfo *ei) MUST_USE;
/* Zero-initialised is not fine. */
void data_files_close(struct data_files *f);

/* Whether every file could be opened. */
bool data_files_all_open(const struct data_files *f);
/* Whether size or time of a file are not what they were when it was hashed. */
bool data_files_changed(const struct data_files *f);

/* What the report says of them, a new object: {"train": {"file", "sha256", "bytes"}, …}, of the
 * splits that are given. All must be open. */
json_t *data_files_json(const struct data_files *f);

/* A dataset_opener (ctx: struct data_files) that hands out the descriptors above, or what is noted
 * of them. */
enum err data_files_hand_out(void *files, const char *name, int *fd, struct errinfo *ei) MUST_USE;

#endif
