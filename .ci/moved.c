// Opens what is asked for under /usr/share/nodejs in the folder MOVED instead.
// Loaded into Debian's Node.js by .ci/unpack, which says why.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

static const char from[] = "/usr/share/nodejs/";

static int open_moved(const char *symbol, const char *path, int flags, mode_t mode) {
	int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, symbol);
	char moved[PATH_MAX];
	if (strncmp(path, from, strlen(from)) == 0) {
		snprintf(moved, sizeof moved, "%s%s", MOVED, path + strlen(from));
		path = moved;
	}
	return next(path, flags, mode);
}

#define OPEN(name)                                                      \
	int name(const char *path, int flags, ...) {                    \
		va_list rest;                                           \
		va_start(rest, flags);                                  \
		mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
		va_end(rest);                                           \
		return open_moved(#name, path, flags, mode);            \
	}

OPEN(open)
OPEN(open64)
