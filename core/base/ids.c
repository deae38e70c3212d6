/* Ids that sort by time: see ids.h. */
#include "base/ids.h"

#include "base/clock.h"
#include "base/err.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* Within one millisecond the random part of the last id plus one keeps the order, as the ULID
 * specification says. */
void ids_new(const char *prefix, char *out)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static int64_t last_ms;
	static uint16_t high;
	static uint64_t low;

	pthread_mutex_lock(&lock);
	int64_t now = clock_now_ms();
	if (now > last_ms) {
		last_ms = now;
		BUG_ON(getrandom(&low, sizeof(low), 0) != sizeof(low));
		BUG_ON(getrandom(&high, sizeof(high), 0) != sizeof(high));
		high &= 0x7fff;
	} else if (++low == 0) {
		high++;
	}
	unsigned __int128 v =
		((unsigned __int128)last_ms << 80) | ((unsigned __int128)high << 64) | low;
	pthread_mutex_unlock(&lock);

	size_t n = strlen(prefix);
	BUG_ON(n > 5);
	memcpy(out, prefix, n);
	for (int i = 25; i >= 0; i--, v >>= 5)
		out[n + (size_t)i] = alphabet[(unsigned)(v & 31)];
	out[n + 26] = '\0';
}

bool ids_valid(const char *prefix, const char *s)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) == 0 && strlen(s + n) == 26 && strspn(s + n, alphabet) == 26;
}
