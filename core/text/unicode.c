/* Code points and UTF-8: see unicode.h. The tables are built once and never change. */
#include "text/unicode.h"

#include "base/err.h"
#include "base/mem.h"
#include "text/unicode_differences.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define PAGE	 256
#define N_PAGES	 (UNI_LIMIT / PAGE)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

const uint16_t *uni_pages[N_PAGES];

/* The blocks that BERT's authors took for Chinese: unified ideographs, extensions A to E but for a
 * hole, compatibility. */
static const uint32_t cjk_blocks[][2] = {
	{ 0x3400, 0x4DBF },   { 0x4E00, 0x9FFF },   { 0xF900, 0xFAFF },	  { 0x20000, 0x2A6DF },
	{ 0x2A700, 0x2B81F }, { 0x2B920, 0x2CEAF }, { 0x2F800, 0x2FA1F },
};

static bool is_cjk(uint32_t c)
{
	for (size_t i = 0; i < COUNT(cjk_blocks); i++)
		if (c >= cjk_blocks[i][0] && c <= cjk_blocks[i][1])
			return true;
	return false;
}

#define CAT(name) (1u << UTF8PROC_CATEGORY_##name)
static const uint32_t cat_dropped = CAT(CC) | CAT(CF) | CAT(CO);
static const uint32_t cat_space = CAT(ZS) | CAT(ZL) | CAT(ZP);
static const uint32_t cat_punct =
	CAT(PC) | CAT(PD) | CAT(PS) | CAT(PE) | CAT(PI) | CAT(PF) | CAT(PO);
static const uint32_t cat_symbol = CAT(SM) | CAT(SC) | CAT(SK) | CAT(SO);
static const uint32_t cat_word = CAT(LU) | CAT(LL) | CAT(LT) | CAT(LM) | CAT(LO) | CAT(MN) |
				 CAT(MC) | CAT(ME) | CAT(ND) | CAT(NL) | CAT(PC);

static bool proc_decomposes(uint32_t c, const utf8proc_property_t *p)
{
	bool hangul = c >= 0xAC00 && c <= 0xD7A3;

	return hangul || (p->decomp_seqindex != UINT16_MAX && p->decomp_type == 0);
}

static uint16_t proc_flags(uint32_t c)
{
	const utf8proc_property_t *p = utf8proc_get_property((utf8proc_int32_t)c);
	uint32_t cat = 1u << p->category;
	bool line_space = c == '\t' || c == '\n' || c == '\r';
	unsigned f = 0;

	if (((cat & cat_dropped) && !line_space) || c == 0xFFFD)
		f |= UNI_DROP;
	if ((cat & cat_space) || (c >= '\t' && c <= '\r') || c == 0x85)
		f |= UNI_SPACE;
	if ((cat & cat_punct) || (c < 0x80 && (cat & cat_symbol)))
		f |= UNI_PUNCT;
	if ((cat & cat_word) || c == 0x200C || c == 0x200D)
		f |= UNI_WORD;
	if (proc_decomposes(c, p))
		f |= UNI_DECOMPOSES;
	else
		f |= (cat & CAT(MN) ? UNI_MARK : 0u) | (p->combining_class ? UNI_REORDER : 0u);
	return (uint16_t)f;
}

static uint16_t lower_and_cjk_flags(uint32_t c)
{
	uint32_t low[2];
	unsigned f = is_cjk(c) ? UNI_CJK : 0;

	if (uni_lower(c, low) != 1 || low[0] != c)
		f |= UNI_UPPER;
	return (uint16_t)f;
}

static void fill_page(uint16_t *page, uint32_t first, size_t *flip)
{
	for (uint32_t c = first; c < first + PAGE; c++) {
		page[c - first] = proc_flags(c) | lower_and_cjk_flags(c);
		while (*flip < COUNT(unicode_flips) && unicode_flips[*flip].last < c)
			++*flip;
		if (*flip < COUNT(unicode_flips) && unicode_flips[*flip].first <= c)
			page[c - first] ^= unicode_flips[*flip].flip;
	}
}

/* Most pages are like the one before (unassigned, ideographs, private use) and share its memory.
 * The rest is kept until the process ends. */
static void build(void)
{
	uint16_t *page = mem_alloc(PAGE * sizeof *page);
	size_t flip = 0;

	for (uint32_t i = 0; i < N_PAGES; i++) {
		fill_page(page, i * PAGE, &flip);
		if (i && memcmp(page, uni_pages[i - 1], PAGE * sizeof *page) == 0) {
			uni_pages[i] = uni_pages[i - 1];
			continue;
		}
		uni_pages[i] = page;
		page = mem_alloc(PAGE * sizeof *page);
	}
	free(page);
}

void unicode_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	BUG_ON(pthread_once(&once, build) != 0);
}

int uni_decompose(uint32_t c, uint32_t out[UNI_MAX_DECOMPOSITION])
{
	int boundary = 0;

	if (!(uni_flags(c) & UNI_DECOMPOSES)) {
		out[0] = c;
		return 1;
	}
	utf8proc_ssize_t n =
		utf8proc_decompose_char((utf8proc_int32_t)c, (utf8proc_int32_t *)out,
					UNI_MAX_DECOMPOSITION, UTF8PROC_DECOMPOSE, &boundary);
	BUG_ON(n < 1 || n > UNI_MAX_DECOMPOSITION);
	return (int)n;
}

int uni_lower(uint32_t c, uint32_t out[2])
{
	if (c == 0x130) { /* the only one with two: i and a dot above */
		out[0] = 'i';
		out[1] = 0x307;
		return 2;
	}
	for (size_t i = 0; i < COUNT(unicode_lowers) && unicode_lowers[i].first <= c; i++) {
		if (c <= unicode_lowers[i].last) {
			out[0] = (uint32_t)((int32_t)c + unicode_lowers[i].delta);
			return 1;
		}
	}
	out[0] = (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
	return 1;
}

int uni_combining_class(uint32_t c)
{
	if (!(uni_flags(c) & UNI_REORDER))
		return 0;
	return utf8proc_get_property((utf8proc_int32_t)c)->combining_class;
}

/* The length of the valid sequence at p, at most end - p; 0 when there is none. */
static size_t sequence_length(const unsigned char *p, const unsigned char *end)
{
	unsigned char lead = p[0];
	size_t n = lead < 0x80	 ? 1
		   : lead < 0xC2 ? 0
		   : lead < 0xE0 ? 2
		   : lead < 0xF0 ? 3
		   : lead < 0xF5 ? 4
				 : 0;

	if (n < 2 || (size_t)(end - p) < n)
		return n < 2 ? n : 0;
	unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
	unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	return n;
}

size_t utf8_valid_length(const char *text, size_t len)
{
	const unsigned char *start = (const unsigned char *)text, *end = start + len, *p = start;

	while (p < end) {
		uint64_t eight;
		while (end - p >= 8 && (memcpy(&eight, p, 8), !(eight & 0x8080808080808080u)))
			p += 8;
		if (p == end)
			break;
		size_t n = sequence_length(p, end);
		if (!n)
			break;
		p += n;
	}
	return (size_t)(p - start);
}

uint32_t utf8_before(const unsigned char *start, const unsigned char *p)
{
	uint32_t c;

	do
		p--;
	while (p > start && (*p & 0xC0) == 0x80);
	utf8_next(p, &c);
	return c;
}

unsigned char *utf8_put(unsigned char *p, uint32_t c)
{
	if (c < 0x80) {
		*p++ = (unsigned char)c;
	} else if (c < 0x800) {
		*p++ = (unsigned char)(0xC0 | c >> 6);
		*p++ = (unsigned char)(0x80 | (c & 0x3F));
	} else if (c < 0x10000) {
		*p++ = (unsigned char)(0xE0 | c >> 12);
		*p++ = (unsigned char)(0x80 | (c >> 6 & 0x3F));
		*p++ = (unsigned char)(0x80 | (c & 0x3F));
	} else {
		*p++ = (unsigned char)(0xF0 | c >> 18);
		*p++ = (unsigned char)(0x80 | (c >> 12 & 0x3F));
		*p++ = (unsigned char)(0x80 | (c >> 6 & 0x3F));
		*p++ = (unsigned char)(0x80 | (c & 0x3F));
	}
	return p;
}
