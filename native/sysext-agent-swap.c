/*
 * Swaps what is merged into /usr and /opt without an instant in which it is absent; with --class=confext before the verb
 * what is merged into /etc. Run by root, in the mount namespace of the host, by who holds the lock of sysext-agent:
 *
 *   prepare PROGRAM ARGUMENT...  run PROGRAM (systemd-sysext or systemd-confext) in a copy of the mount namespace, and show
 *                                what it merged there below /run/sysext-agent/prepared, or prepared-confext; ends with
 *                                PROGRAM's exit code
 *   look PROGRAM ARGUMENT...     run PROGRAM where that is what is merged, and nobody else sees it
 *   commit                       make that what is merged: slide it beneath what is, then take that off
 *   abort                        take it away
 *   settle                       what killed runs of both classes left: commit where that had begun and can be ended, else
 *                                abort
 *
 * What was killed can be done again. Its own failures end it with 125. See docs/merge-drivers.md.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

/* Numbers and flags of the kernel, which older headers do not have; the numbers are the same on every architecture. */
enum { NR_OPEN_TREE = 428, NR_MOVE_MOUNT = 429, NR_OPENAT2 = 437, NR_MOUNT_SETATTR = 442 };
enum { TREE_CLONE = 1, TREE_RECURSIVE = 0x8000, EMPTY_PATH = 0x1000, WITHOUT_LINKS = 0x4 };
enum { FROM_EMPTY_PATH = 0x4, FOLLOW = 0x10, TO_EMPTY_PATH = 0x40, BENEATH = 0x200 };
struct mount_attributes { uint64_t set, clear, propagation, user_namespace; };
struct how_to_open { uint64_t flags, mode, resolve; };

enum { FAILED = 125, MOST_SUBMOUNTS = 256 };

#define RUNTIME "/run/sysext-agent"
enum { MOST_HIERARCHIES = 2 };

/* One of the directories that extensions extend, and what is prepared for it. */
struct hierarchy { const char *path, *prepared; };

/* What differs between system extensions and configuration extensions (systemd-sysext(8)). */
struct extension_class {
	/* The file in each merged hierarchy that notes the device of the overlay. */
	const char *name, *note;
	/* What is prepared, and what that is called when it is what is merged: then it is only to be cleared away. */
	const char *prepared, *committed;
	int count;
	struct hierarchy hierarchies[MOST_HIERARCHIES];
};
static const struct extension_class classes[] = {
	{ "sysext", ".systemd-sysext/dev", RUNTIME "/prepared", RUNTIME "/committed", 2,
	  { { "/usr", RUNTIME "/prepared/usr" }, { "/opt", RUNTIME "/prepared/opt" } } },
	{ "confext", ".systemd-confext/dev", RUNTIME "/prepared-confext", RUNTIME "/committed-confext", 1,
	  { { "/etc", RUNTIME "/prepared-confext/etc" } } },
};
enum { CLASSES = sizeof classes / sizeof *classes };

/* The one that is at work: what the other one merged is a directory like any other to it. */
static const struct extension_class *class = classes;

/* A copy of a tree of mounts that hangs nowhere, and where it belongs. */
struct copy { int tree; char path[PATH_MAX]; };

static void fail(const char *format, ...)
{
	int error = errno;
	va_list arguments;
	va_start(arguments, format);
	fputs("sysext-agent-swap: ", stderr);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, ": %s\n", strerror(error));
	exit(FAILED);
}

/* A copy of the mount at a path, with those below it or alone. What is mounted or taken off in it later stays in it. */
static int copy_of(const char *path, int recursive)
{
	struct mount_attributes apart = { .propagation = MS_PRIVATE };
	int tree = (int)syscall(NR_OPEN_TREE, AT_FDCWD, path, TREE_CLONE | O_CLOEXEC | recursive);
	if (tree < 0 || syscall(NR_MOUNT_SETATTR, tree, "", EMPTY_PATH | recursive, &apart, sizeof apart) < 0)
		fail("copying the mount at %s", path);
	return tree;
}

/* A hierarchy may be a link, as /opt is to /var/opt where only /var can be written to. */
static void attach(int tree, const char *path, int how)
{
	if (syscall(NR_MOVE_MOUNT, tree, "", AT_FDCWD, path, FROM_EMPTY_PATH | FOLLOW | how) < 0)
		fail("mounting %s %s", how ? "beneath" : "at", path);
}

/* What was at a path without links is not to come to where a link of an extension leads. */
static void attach_without_links(int tree, const char *path)
{
	struct how_to_open how = { .flags = O_PATH | O_CLOEXEC, .resolve = WITHOUT_LINKS };
	int place = (int)syscall(NR_OPENAT2, AT_FDCWD, path, &how, sizeof how);
	if (place < 0 || syscall(NR_MOVE_MOUNT, tree, "", place, "", FROM_EMPTY_PATH | TO_EMPTY_PATH) < 0)
		fail("mounting at %s", path);
	close(place);
}

/* The device of the overlay that systemd merged at a path, as it noted it there; 0 where there is none. */
static dev_t merged_at(const char *path)
{
	char noted[PATH_MAX];
	unsigned major_number, minor_number;
	struct stat status;
	snprintf(noted, sizeof noted, "%s/%s", path, class->note);
	FILE *file = fopen(noted, "re");
	if (!file)
		return 0;
	bool is_noted = fscanf(file, "%u:%u", &major_number, &minor_number) == 2;
	fclose(file);
	/* A copy of a merged tree has the note as well, and another device. */
	return is_noted && stat(path, &status) == 0 && status.st_dev == makedev(major_number, minor_number) ? status.st_dev : 0;
}

/* One line of mountinfo, proc_pid_mountinfo(5). */
struct mount_line { int id, parent; dev_t device; char path[PATH_MAX]; };

/* Spaces and the like are written as \040 there. */
static void unescape(char *text)
{
	char *to = text;
	for (const char *from = text; *from; to++) {
		unsigned value;
		if (sscanf(from, "\\%3o", &value) == 1) {
			*to = (char)value;
			from += 4;
		} else
			*to = *from++;
	}
	*to = '\0';
}

/* Calls a function with every mount, until it returns true; returns whether it did. */
static bool any_mount(bool (*test)(const struct mount_line *, void *), void *data)
{
	char *line = NULL;
	size_t size = 0;
	bool found = false;
	FILE *file = fopen("/proc/self/mountinfo", "re");
	if (!file)
		fail("reading /proc/self/mountinfo");
	while (!found && getline(&line, &size, file) > 0) {
		struct mount_line mount;
		unsigned major_number, minor_number;
		if (sscanf(line, "%d %d %u:%u %*s %4095s", &mount.id, &mount.parent, &major_number, &minor_number, mount.path) != 5)
			continue;
		mount.device = makedev(major_number, minor_number);
		unescape(mount.path);
		found = test(&mount, data);
	}
	if (ferror(file))
		fail("reading /proc/self/mountinfo");
	free(line);
	fclose(file);
	return found;
}

struct stacked { dev_t device; const char *path; };

static bool is_stacked(const struct mount_line *mount, void *data)
{
	const struct stacked *wanted = data;
	return mount->device == wanted->device && strcmp(mount->path, wanted->path) == 0;
}

/* Whether a file system is mounted at a path, maybe beneath others. */
static bool is_mounted(dev_t device, const char *path)
{
	char real[PATH_MAX];
	struct stacked wanted = { device, realpath(path, real) };
	return wanted.path && any_mount(is_stacked, &wanted);
}

static int mount_id(const char *path)
{
	struct statx status;
	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0x1000 /* STATX_MNT_ID */, &status) < 0)
		return -1;
	return (int)status.stx_mnt_id;
}

/* What is mounted below a hierarchy, as far as it can be seen. */
struct submounts { char real[PATH_MAX]; int top, count; struct copy copies[]; };

static bool is_below(const struct mount_line *mount, const char *directory)
{
	size_t length = strlen(directory);
	return strncmp(mount->path, directory, length) == 0 && mount->path[length] == '/';
}

static bool add_submount(const struct mount_line *mount, void *data)
{
	struct submounts *all = data;
	/* What is covered is not what is seen at its path. */
	if (!is_below(mount, all->real) || (mount->parent != all->top && mount_id(mount->path) != mount->id))
		return false;
	if (all->count == MOST_SUBMOUNTS) {
		errno = E2BIG;
		fail("looking at what is mounted below %s", all->real);
	}
	struct copy *copy = &all->copies[all->count];
	strcpy(copy->path, mount->path + strlen(all->real));
	copy->tree = copy_of(mount->path, TREE_RECURSIVE);
	all->count++;
	return false;
}

static int by_depth(const void *one, const void *other)
{
	size_t a = strlen(((const struct copy *)one)->path), b = strlen(((const struct copy *)other)->path);
	return (a > b) - (a < b);
}

static struct submounts *submounts_of(const char *path)
{
	struct submounts *all = calloc(1, sizeof *all + MOST_SUBMOUNTS * sizeof *all->copies);
	if (!all)
		fail("looking at what is mounted below %s", path);
	if (!realpath(path, all->real))
		return all;
	all->top = mount_id(all->real);
	any_mount(add_submount, all);
	/* A mount comes before those below it, which it brings along where it is not there yet. */
	qsort(all->copies, (size_t)all->count, sizeof *all->copies, by_depth);
	return all;
}

static bool is_mount_root(const char *path)
{
	struct statx status;
	return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &status) == 0 &&
	       (status.stx_attributes & 0x2000 /* STATX_ATTR_MOUNT_ROOT */) != 0;
}

/* Mounts the copies below another directory, where nothing is mounted yet. */
static void mount_copies(struct submounts *all, const char *below)
{
	char real[PATH_MAX];
	if (all->count > 0 && !realpath(below, real))
		fail("looking for %s", below);
	for (int i = 0; i < all->count; i++) {
		char path[2 * PATH_MAX];
		snprintf(path, sizeof path, "%s%s", real, all->copies[i].path);
		if (!is_mount_root(path))
			attach_without_links(all->copies[i].tree, path);
		close(all->copies[i].tree);
	}
	free(all);
}

static void clear_away(const char *directory)
{
	for (int i = 0; i < class->count; i++) {
		char path[PATH_MAX];
		snprintf(path, sizeof path, "%s%s", directory, class->hierarchies[i].path);
		while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
			;
		if (errno != EINVAL && errno != ENOENT)
			fail("taking off %s", path);
		if (rmdir(path) < 0 && errno != ENOENT)
			fail("removing %s", path);
	}
	if (rmdir(directory) < 0 && errno != ENOENT)
		fail("removing %s", directory);
}

/* Takes off what systemd merged at a path, down to one overlay or to all. What is mounted below it stays. */
static void take_off(const char *path, dev_t down_to)
{
	struct submounts *left = down_to ? NULL : submounts_of(path);
	for (dev_t top = merged_at(path); top && top != down_to; top = merged_at(path))
		if (umount2(path, MNT_DETACH) < 0)
			fail("taking off what was merged at %s", path);
	if (left)
		mount_copies(left, path);
}

/* First everything is put in place that can fail, and nobody sees it yet where something is merged. */
static void commit(void)
{
	dev_t prepared[MOST_HIERARCHIES];
	if (access(class->prepared, F_OK) < 0)
		fail("looking for what was prepared at %s", class->prepared);
	bool is_in_place[MOST_HIERARCHIES];
	for (int i = 0; i < class->count; i++) {
		prepared[i] = merged_at(class->hierarchies[i].prepared);
		is_in_place[i] = !prepared[i] || is_mounted(prepared[i], class->hierarchies[i].path);
		if (!is_in_place[i])
			mount_copies(submounts_of(class->hierarchies[i].path), class->hierarchies[i].prepared);
	}
	for (int i = 0; i < class->count; i++) {
		const char *path = class->hierarchies[i].path;
		if (is_in_place[i])
			continue;
		int tree = copy_of(class->hierarchies[i].prepared, TREE_RECURSIVE);
		attach(tree, path, merged_at(path) ? BENEATH : 0);
		close(tree);
	}
	for (int i = 0; i < class->count; i++)
		if (prepared[i] || merged_at(class->hierarchies[i].path))
			take_off(class->hierarchies[i].path, prepared[i]);
	/* In one step: where half of it were gone, that half would look as if nothing was to be merged there. */
	if (rename(class->prepared, class->committed) < 0)
		fail("putting %s aside", class->prepared);
	clear_away(class->committed);
}

static bool commit_has_begun(void)
{
	for (int i = 0; i < class->count; i++) {
		dev_t device = merged_at(class->hierarchies[i].prepared);
		if (device && is_mounted(device, class->hierarchies[i].path))
			return true;
	}
	return false;
}

/* Does work in another process, and returns its exit code. What is ended with us changes nothing any more. */
static int exit_code_of(void (*work)(char **), char **arguments)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		work(arguments);
		exit(0);
	}
	if (child < 0)
		fail("starting a process");
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			fail("waiting for a process");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void become(char **command)
{
	execv(command[0], command);
	fail("executing %s", command[0]);
}

static void end_commit(char **none)
{
	(void)none;
	commit();
}

/* Where a commit cannot be ended it is given up: what is merged stays, and does not stand in the way of all that comes. */
static void settle(void)
{
	clear_away(class->committed);
	if (!commit_has_begun() || exit_code_of(end_commit, NULL) != 0)
		clear_away(class->prepared);
}

static void settle_all(void)
{
	for (class = classes; class < classes + CLASSES; class++)
		settle();
}

static void make_directory(const char *path, mode_t mode)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		fail("making the directory %s", path);
}

/* Mounts a merged tree where it can be looked at. */
static void show(int tree, const char *prepared)
{
	make_directory(prepared, 0755);
	attach(tree, prepared, 0);
	/* What is mounted and taken off in it must not be so in what will be a copy of it. */
	if (mount(NULL, prepared, NULL, MS_PRIVATE, NULL) < 0)
		fail("making %s private", prepared);
}

static bool take_off_nested(const struct mount_line *mount, void *data)
{
	const struct submounts *all = data;
	if (mount->parent != all->top && is_below(mount, all->real) && mount_id(mount->path) == mount->id)
		umount2(mount->path, MNT_DETACH | UMOUNT_NOFOLLOW);
	return false;
}

/* systemd-sysext 257 crashes over what is mounted below a mount below /usr. We carry that over ourselves. */
static void spare_nested(const char *path)
{
	struct submounts all = { .top = 0 };
	if (!realpath(path, all.real))
		return;
	all.top = mount_id(all.real);
	any_mount(take_off_nested, &all);
}

static int prepare(char **command)
{
	int trees[MOST_HIERARCHIES];
	settle();
	int namespace = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (namespace < 0 || root < 0)
		fail("opening the mount namespace");
	if (unshare(CLONE_NEWNS) < 0)
		fail("copying the mount namespace");
	/* Nothing of it reaches the host; and what the program mounts in a namespace of its own reaches this one. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0)
		fail("setting the propagation of mounts");
	for (int i = 0; i < class->count; i++)
		spare_nested(class->hierarchies[i].path);
	int exit_code = exit_code_of(become, command);
	for (int i = 0; i < class->count; i++)
		trees[i] = exit_code == 0 && merged_at(class->hierarchies[i].path) ? copy_of(class->hierarchies[i].path, 0) : -1;
	if (setns(namespace, CLONE_NEWNS) < 0 || fchdir(root) < 0 || chroot(".") < 0)
		fail("going back to the mount namespace of the host");
	if (exit_code != 0)
		return exit_code;
	/* Where nothing is merged this is empty: then everything is taken off. */
	make_directory(RUNTIME, 0755);
	make_directory(class->prepared, 0700);
	for (int i = 0; i < class->count; i++)
		if (trees[i] >= 0)
			show(trees[i], class->hierarchies[i].prepared);
	return 0;
}

/* In a copy of the mount namespace what is prepared takes its place, over what is merged. It goes with the last process. */
static void look(char **command)
{
	if (access(class->prepared, F_OK) < 0)
		fail("looking for what was prepared at %s", class->prepared);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		fail("copying the mount namespace");
	for (int i = 0; i < class->count; i++) {
		const char *path = class->hierarchies[i].path;
		if (!merged_at(class->hierarchies[i].prepared)) {
			if (merged_at(path))
				take_off(path, 0);
			continue;
		}
		struct submounts *kept = submounts_of(path);
		int tree = copy_of(class->hierarchies[i].prepared, 0);
		attach(tree, path, 0);
		close(tree);
		mount_copies(kept, path);
	}
	if (chdir("/") < 0)
		fail("going to /");
	execvp(command[0], command);
	fail("executing %s", command[0]);
}

static int usage(void)
{
	fputs("usage: sysext-agent-swap [--class=sysext|confext] "
	      "prepare /PROGRAM [ARGUMENT...] | look PROGRAM [ARGUMENT...] | commit | abort | settle\n",
	      stderr);
	return 2;
}

/* The class that an option names; NULL where there is none of that name. */
static const struct extension_class *class_named(const char *name)
{
	for (int i = 0; i < CLASSES; i++)
		if (strcmp(classes[i].name, name) == 0)
			return &classes[i];
	return NULL;
}

int main(int count, char **arguments)
{
	static const char option[] = "--class=";
	umask(022);
	if (count > 1 && strncmp(arguments[1], option, strlen(option)) == 0) {
		class = class_named(arguments[1] + strlen(option));
		if (!class)
			return usage();
		count--;
		arguments++;
	}
	const char *verb = count > 1 ? arguments[1] : "";
	if (strcmp(verb, "prepare") == 0 && count > 2 && arguments[2][0] == '/')
		return prepare(arguments + 2);
	if (strcmp(verb, "look") == 0 && count > 2)
		look(arguments + 2);
	if (count != 2)
		return usage();
	if (strcmp(verb, "commit") == 0)
		commit();
	else if (strcmp(verb, "abort") == 0)
		clear_away(class->prepared);
	else if (strcmp(verb, "settle") == 0)
		settle_all();
	else
		return usage();
	return 0;
}
