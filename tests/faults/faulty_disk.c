/* Stands before the C library (LD_PRELOAD): counts what is written and synced in one folder, and
 * fails when it is told to. The test calls the faulty_ functions. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { WRITE, SYNC };

static char folder[4096];
static long done[2];     /* how many of each kind, so far */
static long fails_at[2]; /* which of them fails; 0: none */
static int fails_with;
static long fired;
static long unsynced; /* writes to the write-ahead log since it was last synced */

void faulty_watch(const char *path) { snprintf(folder, sizeof folder, "%s", path); }

void faulty_arm(int kind, long number, int error) {
  done[WRITE] = done[SYNC] = fails_at[WRITE] = fails_at[SYNC] = fired = 0;
  fails_at[kind] = number;
  fails_with = error;
}

long faulty_done(int kind) { return done[kind]; }
long faulty_fired(void) { return fired; }
long faulty_unsynced(void) { return unsynced; }

static int ends_with(const char *path, const char *end) {
  size_t n = strlen(path), m = strlen(end);
  return n >= m && strcmp(path + n - m, end) == 0;
}

/* Whether this operation must fail. */
static int fails(int fd, int kind) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0 || !folder[0]) return 0;
  path[length] = 0;
  if (strncmp(path, folder, strlen(folder)) != 0) return 0;
  int is_wal = ends_with(path, "-wal");
  int failing = ++done[kind] == fails_at[kind];
  if (failing) {
    fired++;
    errno = fails_with;
  } else if (is_wal) {
    unsynced = kind == WRITE ? unsynced + 1 : 0;
  }
  return failing;
}

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, name))

ssize_t pwrite64(int fd, const void *data, size_t size, off_t place) {
  if (fails(fd, WRITE)) return -1;
  return REAL("pwrite64", ssize_t(*)(int, const void *, size_t, off_t))(fd, data, size, place);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t place) {
  return pwrite64(fd, data, size, place);
}

ssize_t write(int fd, const void *data, size_t size) {
  if (fails(fd, WRITE)) return -1;
  return REAL("write", ssize_t(*)(int, const void *, size_t))(fd, data, size);
}

int ftruncate64(int fd, off_t size) {
  if (fails(fd, WRITE)) return -1;
  return REAL("ftruncate64", int (*)(int, off_t))(fd, size);
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int fsync(int fd) {
  if (fails(fd, SYNC)) return -1;
  return REAL("fsync", int (*)(int))(fd);
}

int fdatasync(int fd) {
  if (fails(fd, SYNC)) return -1;
  return REAL("fdatasync", int (*)(int))(fd);
}
