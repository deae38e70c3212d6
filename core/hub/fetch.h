/* Files from the Hugging Face Hub and from https, by way of a cache on disk. From any thread;
 * blocks on the network unless asked not to.
 *
 * The cache has the layout of huggingface_hub, so that one reader serves both:
 *
 *     DIR/models--OWNER--NAME/refs/REVISION          the commit it stood for when last asked
 *     DIR/models--OWNER--NAME/snapshots/COMMIT/…     the files (here plain ones, no links)
 *     DIR/datasets--OWNER--NAME/…                    the same
 *     DIR/urls/SHA256-OF-URL/…                       files of https:// URLs
 *     DIR/…/incomplete/…                             downloads that go on where they were cut off
 *
 * A file appears under its name only when its size and hash are what the Hub says. Two threads that
 * want the same file download it once. */
#ifndef BERTD_HUB_FETCH_H
#define BERTD_HUB_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "hub/http.h"

struct fetch;

struct fetch_config {
	const char *dir;	/* of the cache; made if it is not there */
	const char *endpoint;	/* "https://huggingface.co", without "/" at the end */
	const char *token;	/* or NULL */
	bool offline;		/* what is not in the cache is ERR_NOT_FOUND */
	const char *data_hosts; /* "HOST, .SUFFIX, …" that https:// files may come from; or NULL */
	struct http_policy policy;
	int64_t max_file_bytes;
	int64_t max_cache_bytes;  /* what was used least recently makes room */
	int64_t min_free_bytes;	  /* of the disk, else ERR_DISK_FULL */
	void (*sleep_ms)(int ms); /* between tries; NULL: really. A test counts instead. */
};

/* What can be said of a config without a cache: endpoint, data_hosts and policy. ERR_INVALID names
 * the option. Pure. */
enum err fetch_check_config(const struct fetch_config *c, struct errinfo *ei) MUST_USE;
/* Copies the config, but for policy.private_networks, which has to outlive *out. ERR_INVALID for an
 * endpoint or a list that is none; ERR_IO. */
enum err fetch_open(const struct fetch_config *c, struct fetch **out, struct errinfo *ei) MUST_USE;
void fetch_close(struct fetch *f);

struct fetch_progress {
	const char *source; /* as it was asked for: "bert-base-uncased", "hf://datasets/…" */
	const char *file;   /* "model.safetensors" */
	int64_t bytes;	    /* of this file, what an earlier try had included */
	int64_t total;	    /* -1: not known */
};

/* How one call is to be done. All zero: download, watched by nobody. */
struct fetch_how {
	bool cached_only; /* ERR_ABSENT instead of asking the network */
	bool (*cancelled)(void *ctx);
	/* At the start and end of each file and at most four times a second between. */
	void (*progress)(void *ctx, const struct fetch_progress *p);
	void *ctx;
};

/* Whether name could be a model of the Hub: OWNER/NAME or NAME, each of letters, digits, "_", "."
 * and "-" (these two neither first nor last, no ".." or "--"), at most 96 bytes, then maybe "@" and
 * a revision (a branch, a tag, a commit, "refs/pr/1"). Pure. */
bool fetch_is_model_name(const char *name);

/* A directory with all that a BERT model needs, and nothing else: config.json, the weights
 * (model.safetensors, or model.safetensors.index.json and the shards it names) and those of
 * vocab.txt, tokenizer.json, tokenizer_config.json, special_tokens_map.json, added_tokens.json that
 * the repository has. config.json is judged before the weights are fetched.
 *
 * *dir is a new string. commit, unless NULL, gets the commit.
 *
 * ERR_NOT_FOUND: no such repository, revision, or not in the cache while offline. ERR_DENIED: gated
 * or private, saying what to do. ERR_UNSUPPORTED: another architecture (naming it and what is
 * supported), or pickled weights only. ERR_INVALID: a name that is none, files that contradict each
 * other. ERR_ABSENT, ERR_NETWORK, ERR_CANCELLED, ERR_TOO_LARGE, ERR_DISK_FULL, ERR_IO. */
enum err fetch_model(struct fetch *f, const char *name, const struct fetch_how *how, char **dir,
		     char commit[72], struct errinfo *ei) MUST_USE;

/* Whether file is one that fetch_file takes: it begins with "hf://" or has another scheme. Pure. */
bool fetch_is_url(const char *file);
/* What can be said about such a file without the network: its form, and that its host is allowed.
 * ERR_INVALID, ERR_DENIED, ERR_UNSUPPORTED (another scheme). */
enum err fetch_check_url(const struct fetch *f, const char *file, struct errinfo *ei) MUST_USE;

/* One data file: hf://datasets/OWNER/NAME[@REVISION]/PATH, or https:// (http:// where the policy
 * has the host) from a host of data_hosts. *path is a new string, sha256 that of the content.
 *
 * An https:// file that is in the cache is asked for again with its ETag, unless cached_only, and
 * counts as there when the server says it has not changed or cannot be reached. Errors as
 * fetch_model; ERR_DENIED for a host that is not allowed. */
enum err fetch_file(struct fetch *f, const char *file, const struct fetch_how *how, char **path,
		    char sha256[SHA256_HEX_SIZE], struct errinfo *ei) MUST_USE;

/* The snapshot directory of a model in a cache folder of huggingface_hub (or ours), from
 * refs/REVISION or the commit, if it is there and has config.json: ERR_NOT_FOUND otherwise. *dir is
 * a new string. Nothing is fetched, and links are followed: the folder is the operator's. */
enum err fetch_find_snapshot(const char *cache_dir, const char *name, char **dir,
			     struct errinfo *ei) MUST_USE;
/* Calls visit for every model there that has a snapshot of "main", in no order, until it returns
 * false. A folder that cannot be read holds none. */
void fetch_each_snapshot(const char *cache_dir,
			 bool (*visit)(void *ctx, const char *name, const char *dir), void *ctx);

#endif
