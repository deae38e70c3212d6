/* Models in a cache folder of huggingface_hub's layout: see fetch.h. */
#include "hub/fetch.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/mem.h"
#include "hub/cache.h"
#include "hub/names.h"

enum err fetch_find_snapshot(const char *cache_dir, const char *name, char **dir,
			     struct errinfo *ei)
{
	struct repo_name repo;
	char commit[72];

	if (!names_read_model(name, &repo))
		return err_set(ei, ERR_NOT_FOUND, "\"%.120s\" is no name of a model of the Hub",
			       name);
	char *folder = names_folder(&repo);
	if (names_is_commit(repo.revision))
		strcpy(commit, repo.revision);
	else
		cache_read_ref(cache_dir, folder, repo.revision, commit);
	char *found = mem_printf("%s/%s/snapshots/%s", cache_dir, folder, commit);
	char *config = mem_printf("%s/config.json", found);
	bool there = *commit && files_exist(config);
	free(config);
	free(folder);
	if (there) {
		*dir = found;
		return OK;
	}
	free(found);
	return err_set(ei, ERR_NOT_FOUND, "there is no snapshot of %s", name);
}

/* "models--OWNER--NAME" → "OWNER/NAME". false: the folder is none of a model. */
static bool name_of_folder(const char *folder, char *name, size_t size)
{
	static const char prefix[] = "models--";
	size_t skip = strlen(prefix);
	const char *dashes = strlen(folder) > skip ? strstr(folder + skip, "--") : NULL;

	if (strncmp(folder, prefix, skip) != 0 || strlen(folder) - skip >= size)
		return false;
	strcpy(name, folder + skip);
	if (!dashes)
		return true;
	size_t owner = (size_t)(dashes - folder) - skip;
	name[owner] = '/';
	memmove(name + owner + 1, name + owner + 2, strlen(name + owner + 2) + 1);
	return true;
}

void fetch_each_snapshot(const char *cache_dir,
			 bool (*visit)(void *ctx, const char *name, const char *dir), void *ctx)
{
	DIR *d = opendir(cache_dir);
	char name[NAMES_MAX_ID + 2];
	struct dirent *ent;
	bool go_on = true;

	while (d && go_on && (ent = readdir(d))) {
		char *dir = NULL;
		if (!name_of_folder(ent->d_name, name, sizeof(name)) ||
		    fetch_find_snapshot(cache_dir, name, &dir, NULL) != OK)
			continue;
		go_on = visit(ctx, name, dir);
		free(dir);
	}
	if (d)
		closedir(d);
}
