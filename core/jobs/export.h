/* A finished model or a checkpoint as a tar archive: a Hugging Face directory below one folder.
 * Any thread; slow (the digest of an archive is computed when it is first asked for). */
#ifndef BERTD_JOBS_EXPORT_H
#define BERTD_JOBS_EXPORT_H

#include "base/err.h"
#include "base/hash.h"
#include "base/tar.h"
#include "jobs/db.h"
#include "jobs/places.h"

/* The files of a model that leave the server and that an import takes, in the order of the archive.
 * NULL ends it. */
extern const char *const export_files[];

struct export
{
	struct tar *tar;
	char sha256[SHA256_HEX_SIZE]; /* of the whole archive */
	char name[160];		      /* of the folder in it: the model's name, else its id */
};

/* Opens the archive of what a name stands for (places_find_model). The same model gives the same
 * bytes as long as it exists; once open it can be read to its end, also when the model is deleted.
 * Errors as places_find_model; ERR_CONFLICT for a base model, which belongs to the operator;
 * ERR_NOT_FOUND when the files are gone; ERR_IO, ERR_DB. */
enum err export_open(const struct places *p, struct db *db, const char *name, struct export *out,
		     struct errinfo *ei) MUST_USE;
void export_close(struct export *x);

#endif
