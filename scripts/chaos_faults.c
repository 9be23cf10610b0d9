/* Makes a chosen call of a program fail, or kills the program there. Loaded with LD_PRELOAD by
 * scripts/chaos.
 *
 * CHAOS_CALLS  names of calls that are counted, such as "write,rename"
 * CHAOS_AT     number of the call that goes wrong, from 1; none: calls are only counted
 * CHAOS_ERROR  errno of that call, or "kill"
 * CHAOS_LASTS  if set, all later calls go wrong too, as on a full disk
 * CHAOS_COUNT  file that takes the number of calls at the end of the process
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int counted;

static int is_listed(const char *name) {
    const char *list = getenv("CHAOS_CALLS");
    size_t length = strlen(name);
    for (const char *at = list; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (!strncmp(at, name, length) && (at[length] == ',' || !at[length]))
            return 1;
    return 0;
}

/* Whether this call goes wrong; errno is then set. */
static int goes_wrong(const char *name) {
    if (!is_listed(name))
        return 0;
    int number = __sync_add_and_fetch(&counted, 1);
    const char *at = getenv("CHAOS_AT"), *error = getenv("CHAOS_ERROR");
    if (!at || !error)
        return 0;
    int wanted = atoi(at);
    if (number != wanted && !(getenv("CHAOS_LASTS") && number > wanted))
        return 0;
    if (!strcmp(error, "kill")) {
        kill(getpid(), SIGKILL);
        pause();
    }
    errno = atoi(error);
    return 1;
}

__attribute__((destructor)) static void report(void) {
    const char *path = getenv("CHAOS_COUNT");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) {
        fprintf(file, "%d\n", counted);
        fclose(file);
    }
}

#define REAL(name)                                                                                 \
    static typeof(name) *real;                                                                     \
    if (!real)                                                                                     \
        real = dlsym(RTLD_NEXT, #name);                                                            \
    if (goes_wrong(#name))                                                                         \
    return -1

/* Standard output and error are not the disk. */
#define REAL_FOR_FILES(name, fd)                                                                   \
    static typeof(name) *real;                                                                     \
    if (!real)                                                                                     \
        real = dlsym(RTLD_NEXT, #name);                                                            \
    if ((fd) > 2 && goes_wrong(#name))                                                             \
    return -1

ssize_t write(int fd, const void *bytes, size_t count) {
    REAL_FOR_FILES(write, fd);
    return real(fd, bytes, count);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL_FOR_FILES(writev, fd);
    return real(fd, parts, count);
}

int fsync(int fd) {
    REAL_FOR_FILES(fsync, fd);
    return real(fd);
}

int fchmod(int fd, mode_t mode) {
    REAL_FOR_FILES(fchmod, fd);
    return real(fd, mode);
}

int rename(const char *from, const char *to) {
    REAL(rename);
    return real(from, to);
}

int renameat2(int from_in, const char *from, int to_in, const char *to, unsigned flags) {
    REAL(renameat2);
    return real(from_in, from, to_in, to, flags);
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    return real(path, mode);
}

int unlink(const char *path) {
    REAL(unlink);
    return real(path);
}

int unlinkat(int in, const char *path, int flags) {
    REAL(unlinkat);
    return real(in, path, flags);
}

int rmdir(const char *path) {
    REAL(rmdir);
    return real(path);
}

/* Only calls that may make a file are counted, as "create". */
int open64(const char *path, int flags, ...) {
    static int (*real)(const char *, int, ...);
    if (!real)
        real = dlsym(RTLD_NEXT, "open64");
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if (flags & O_CREAT && goes_wrong("create"))
        return -1;
    return real(path, flags, mode);
}
