/* Added tokens: see added.h. */
#include "text/added.h"

#include "base/mem.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

const struct added_token *added_find(const struct added *a, const char *content)
{
	for (int i = 0; i < a->n; i++)
		if (strcmp(a->tokens[i].content, content) == 0)
			return &a->tokens[i];
	return NULL;
}

/* The reference counts new ids from the number of distinct tokens, not from the highest id. */
static int32_t next_id(const struct added *a, const struct vocab *v)
{
	int32_t highest = -1;

	for (int i = 0; i < a->n; i++)
		if (a->tokens[i].id > highest)
			highest = a->tokens[i].id;
	return highest >= v->n_tokens ? highest + 1 : v->n_tokens;
}

static struct added_token *new_token(struct added *a)
{
	if (a->n == a->cap) {
		a->cap = a->cap ? 2 * a->cap : 8;
		a->tokens = mem_resize(a->tokens, (size_t)a->cap, sizeof *a->tokens);
	}
	return &a->tokens[a->n++];
}

enum err added_put(struct added *a, const struct vocab *v, const struct added_token *token,
		   struct errinfo *ei)
{
	struct added_token t = *token;
	const struct added_token *known = added_find(a, token->content);

	if (!*token->content)
		return OK;
	if (known) {
		t.content = known->content;
		t.id = known->id;
		t.in_model = known->in_model;
		a->tokens[known - a->tokens] = t;
		return OK;
	}
	t.id = vocab_id(v, token->content);
	t.in_model = t.id >= 0;
	if (!t.in_model)
		t.id = next_id(a, v);
	if (a->n == ADDED_MAX || t.id >= VOCAB_MAX_IDS)
		return err_set(ei, ERR_INVALID, "more than %d added tokens", ADDED_MAX);
	t.content = mem_strdup(token->content);
	*new_token(a) = t;
	return OK;
}

static void matcher_build(struct matcher *m, struct trie_key *keys, size_t n)
{
	int n_first = 0;

	m->empty = true;
	m->only_first = -1;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)keys[i].s[0];
		if (!keys[i].len)
			continue;
		m->empty = false;
		n_first += !m->first[c];
		m->first[c] = true;
		m->only_first = n_first == 1 ? c : -1;
	}
	trie_build(&m->trie, keys, n);
}

void added_index(struct added *a, const struct normalizer *nz)
{
	struct trie_key *raw = mem_alloc(((size_t)a->n + 1) * sizeof *raw);
	struct trie_key *normal = mem_alloc(((size_t)a->n + 1) * sizeof *normal);
	struct buf *forms = mem_zalloc((size_t)a->n + 1, sizeof *forms);
	size_t n_raw = 0, n_normal = 0;

	for (int i = 0; i < a->n; i++) {
		const char *s = a->tokens[i].content;
		if (!a->tokens[i].normalized) {
			raw[n_raw++] = (struct trie_key){ s, (uint32_t)strlen(s), i };
			continue;
		}
		normalize(nz, s, strlen(s), &forms[i]);
		normal[n_normal++] = (struct trie_key){ forms[i].data, (uint32_t)forms[i].len, i };
	}
	matcher_build(&a->raw, raw, n_raw);
	matcher_build(&a->normal, normal, n_normal);
	for (int i = 0; i < a->n; i++)
		buf_clear(&forms[i]);
	free(forms);
	free(raw);
	free(normal);
}

void added_clear(struct added *a)
{
	for (int i = 0; i < a->n; i++)
		free(a->tokens[i].content);
	free(a->tokens);
	trie_clear(&a->raw.trie);
	trie_clear(&a->normal.trie);
	*a = (struct added){ 0 };
}

/* The next place from p on where a pattern can start. */
static const unsigned char *candidate(const struct matcher *m, const unsigned char *p,
				      const unsigned char *end)
{
	if (p == end)
		return end;
	if (m->only_first >= 0) {
		p = memchr(p, m->only_first, (size_t)(end - p));
		return p ? p : end;
	}
	while (p < end && !m->first[*p])
		p++;
	return p;
}

static bool inside_word(const unsigned char *text, size_t len, size_t start, size_t end)
{
	uint32_t c;

	if (start > 0 && (uni_flags(utf8_before(text, text + start)) & UNI_WORD))
		return true;
	if (end == len)
		return false;
	utf8_next(text + end, &c);
	return uni_flags(c) & UNI_WORD;
}

bool added_search(const struct added *a, const struct matcher *m, const char *text, size_t len,
		  size_t from, struct added_match *match)
{
	const unsigned char *start = (const unsigned char *)text, *end = start + len,
			    *p = start + from;
	size_t matched;

	if (m->empty)
		return false;
	while ((p = candidate(m, p, end)) < end) {
		int32_t i = trie_longest(&m->trie, TRIE_ROOT, p, (size_t)(end - p), &matched);
		if (i < 0) {
			p++;
			continue;
		}
		size_t at = (size_t)(p - start);
		p += matched;
		if (a->tokens[i].single_word && inside_word(start, len, at, at + matched))
			continue; /* and nothing else is looked for in what it covers */
		*match = (struct added_match){ at, at + matched, a->tokens[i].id };
		return true;
	}
	return false;
}
