/* What the Hub says of a repository: its commit, its files, their sizes and hashes, and why not.
 *
 * GET ENDPOINT/api/models/ID/revision/REVISION?blobs=true answers {"sha", "siblings":
 * [{"rfilename", "size", "blobId", "lfs": {"sha256", "size"}}]}; a mirror may leave out all but
 * rfilename. Files are at ENDPOINT/ID/resolve/REVISION/PATH, of data sets at
 * ENDPOINT/datasets/ID/…, and the head of their answer has X-Repo-Commit, X-Linked-Size and
 * X-Linked-Etag (the SHA-256 of what lies in large file storage) or an ETag (the name git gives the
 * content). Facts: huggingface_hub, hf_api.py and file_download.py. */
#ifndef BERTD_HUB_REPO_H
#define BERTD_HUB_REPO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "hub/http.h"
#include "hub/names.h"

#define REPO_MAX_ANSWER (8 << 20)
#define REPO_MAX_VALUES 200000 /* in one JSON text: some 20,000 files */
#define REPO_MAX_SHARDS 1024

/* What is known of one file; "" and -1: not known. */
struct repo_file {
	char name[64];
	int64_t size;
	char sha256[SHA256_HEX_SIZE]; /* of the content */
	char blob[SHA1_HEX_SIZE];     /* the name git gives it: SHA-1 of "blob SIZE\0" content */
	char etag[160];		      /* of where it lies */
};

/* Of a model's repository, the files that a BERT model can consist of; others are not kept. */
struct repo {
	char commit[72];
	struct repo_file *files;
	int n;
	bool has_pickle; /* weights that are Python's pickle, or of another framework */
};

/* Reads the API's answer. ERR_NETWORK when it is none. Pure. */
enum err repo_read(const char *text, size_t len, struct repo *out, struct errinfo *ei) MUST_USE;
void repo_clear(struct repo *r);
/* The file of that name, or NULL. */
struct repo_file *repo_find(const struct repo *r, const char *name);

/* What the head of the answer to a file's URL says of it; what is known already must agree, else
 * ERR_NETWORK. Pure. */
enum err repo_file_learn(struct repo_file *f, const struct http_response *head,
			 struct errinfo *ei) MUST_USE;

/* New strings. revision: repo->revision or a commit. */
char *repo_api_url(const char *endpoint, const struct repo_name *repo);
char *repo_file_url(const char *endpoint, const struct repo_name *repo, const char *revision,
		    const char *path);

/* What the Hub means by a status other than 2xx: ERR_NOT_FOUND, ERR_DENIED or ERR_NETWORK, and
 * words that say what to do. path: NULL for the repository itself. Pure. */
enum err repo_refusal(const struct repo_name *repo, const char *path, bool with_token,
		      const struct http_response *res, struct errinfo *ei);

/* Names of the files that are fetched besides the weights, NULL at the end; config.json is the
 * first. */
extern const char *const repo_small_files[];
#define REPO_WEIGHTS "model.safetensors"
#define REPO_INDEX   "model.safetensors.index.json"

#endif
