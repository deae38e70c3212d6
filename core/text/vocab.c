/* The vocabulary: see vocab.h. */
#include "text/vocab.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void make_room(struct vocab *v, int n)
{
	if (n > v->cap_ids) {
		v->cap_ids = n > 2 * v->cap_ids ? n : 2 * v->cap_ids;
		v->tokens = mem_resize(v->tokens, (size_t)v->cap_ids, sizeof *v->tokens);
	}
	for (; v->n_ids < n; v->n_ids++)
		v->tokens[v->n_ids] = NULL;
}

void vocab_put(struct vocab *v, int32_t id, const char *token, size_t len)
{
	BUG_ON(id < 0 || id >= VOCAB_MAX_IDS);
	if (id >= v->n_ids)
		make_room(v, id + 1);
	free(v->tokens[id]);
	v->tokens[id] = mem_strndup(token, len);
}

/* Takes the token from every id that is not the one the trie gives for it. */
static void drop_shadowed(struct vocab *v)
{
	v->n_tokens = 0;
	for (int32_t id = 0; id < v->n_ids; id++) {
		if (!v->tokens[id])
			continue;
		int32_t found = vocab_id(v, v->tokens[id]);
		if (found >= 0 && found != id) {
			free(v->tokens[id]);
			v->tokens[id] = NULL;
		} else {
			v->n_tokens++;
		}
	}
}

enum err vocab_index(struct vocab *v, struct errinfo *ei)
{
	struct trie_key *keys = mem_alloc(((size_t)v->n_ids + 1) * sizeof *keys);
	size_t n = 0;

	for (int32_t id = 0; id < v->n_ids; id++)
		if (v->tokens[id])
			keys[n++] = (struct trie_key){ v->tokens[id],
						       (uint32_t)strlen(v->tokens[id]), id };
	trie_build(&v->trie, keys, n);
	free(keys);
	drop_shadowed(v);
	v->continuation = trie_walk(&v->trie, v->prefix, strlen(v->prefix));
	v->unk = vocab_id(v, v->unk_token);
	if (v->unk < 0)
		return err_set(ei, ERR_INVALID,
			       "the vocabulary lacks the token for unknown words, %s",
			       v->unk_token);
	return OK;
}

void vocab_clear(struct vocab *v)
{
	for (int32_t id = 0; id < v->n_ids; id++)
		free(v->tokens[id]);
	free(v->tokens);
	free(v->unk_token);
	free(v->prefix);
	if (v->trie.nodes)
		trie_clear(&v->trie);
	*v = (struct vocab){ 0 };
}

int32_t vocab_id(const struct vocab *v, const char *token)
{
	return trie_get(&v->trie, token, strlen(token));
}
