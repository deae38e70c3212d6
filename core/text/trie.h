/* A set of byte strings, each with a number, for longest-match walks: a double array (Aoe 1989)
 * whose child of node s by byte c lies at base[s] XOR c. Built once, read by any thread. */
#ifndef BERTD_TEXT_TRIE_H
#define BERTD_TEXT_TRIE_H

#include <stddef.h>
#include <stdint.h>

struct trie_node {
	uint32_t base;
	int32_t parent; /* negative: nobody's child */
	int32_t value;	/* -1: no string ends here */
};

struct trie {
	struct trie_node *nodes;
	uint32_t n; /* a multiple of 256 */
};

struct trie_key {
	const char *s;
	uint32_t len;
	int32_t value; /* 0 or more */
};

#define TRIE_ROOT 0
#define TRIE_NONE (-1)

/* Builds t from the keys, which it sorts; of equal keys the one with the highest value stays, empty
 * ones are left out. The keys are not referred to afterwards. trie_clear() frees. */
void trie_build(struct trie *t, struct trie_key *keys, size_t n);
void trie_clear(struct trie *t);

/* The child of node by byte c, or TRIE_NONE. */
static inline int32_t trie_step(const struct trie *t, int32_t node, unsigned char c)
{
	uint32_t child = t->nodes[node].base ^ c;

	return t->nodes[child].parent == node ? (int32_t)child : TRIE_NONE;
}

/* The node that s leads to from the root, or TRIE_NONE. */
int32_t trie_walk(const struct trie *t, const char *s, size_t len);

/* The value of the string s, or -1. */
int32_t trie_get(const struct trie *t, const char *s, size_t len);

/* The value of the longest string that begins s, walking from node, and its length (at least 1); -1
 * when there is none. */
static inline int32_t trie_longest(const struct trie *t, int32_t node, const unsigned char *s,
				   size_t len, size_t *matched)
{
	int32_t found = -1;

	for (size_t i = 0; i < len; i++) {
		node = trie_step(t, node, s[i]);
		if (node == TRIE_NONE)
			break;
		if (t->nodes[node].value >= 0) {
			found = t->nodes[node].value;
			*matched = i + 1;
		}
	}
	return found;
}

#endif
