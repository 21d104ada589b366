/*
 * Mounts images of the store once, and shows them to a merge as directories. Run by root, by who holds the lock of
 * sysext-agent:
 *
 *   mount [TYPE IMAGE KEY]... -- PROGRAM ARGUMENT...   in the mount namespace of the host: mount each image at
 *                          /run/sysext-agent/images/KEY, where none is yet, then become PROGRAM, also where one cannot be
 *   offer [NAME KEY]... -- PROGRAM ARGUMENT...         in a mount namespace of its own: show in /var/lib/extensions what is
 *                          mounted as KEY as the directory NAME, in place of the file NAME.raw, then become PROGRAM
 *   keep [KEY]...          in the mount namespace of the host: take off all but these
 *
 * What was killed can be done again. Its own failures end it with 125. See docs/merge-drivers.md.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FAILED = 125, MOST_ATTEMPTS = 64 };

#define RUNTIME "/run/sysext-agent"
#define IMAGES RUNTIME "/images"
#define EXTENSIONS "/var/lib/extensions"

static void complain(const char *format, va_list arguments)
{
	int error = errno;
	fputs("sysext-agent-images: ", stderr);
	vfprintf(stderr, format, arguments);
	fprintf(stderr, ": %s\n", strerror(error));
}

static void fail(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	complain(format, arguments);
	va_end(arguments);
	exit(FAILED);
}

static void warn(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	complain(format, arguments);
	va_end(arguments);
}

/* The path of a name in a directory, in memory that is never given back: this program is short. */
static char *path_in(const char *directory, const char *name)
{
	char *path;
	if (!*name || *name == '.' || strchr(name, '/')) {
		errno = EINVAL;
		fail("looking at %s in %s", name, directory);
	}
	if (asprintf(&path, "%s/%s", directory, name) < 0)
		fail("looking at %s in %s", name, directory);
	return path;
}

static void make_directory(const char *path, mode_t mode)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		fail("making the directory %s", path);
}

static bool is_mount_root(const char *path)
{
	struct statx status;
	return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &status) == 0 &&
	       (status.stx_attributes & 0x2000 /* STATX_ATTR_MOUNT_ROOT */) != 0;
}

/*
 * A loop device of an image, which goes when nothing has it open or mounted any more. Not the image itself, as Linux 6.12
 * could mount it: that counts as a layer, and the kernel allows two of those above each other.
 */
static int loop_of(const char *image, char device[static 32])
{
	struct loop_config config = { .info = { .lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR } };
	int file = open(image, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int loop = -1;
	config.fd = (unsigned)file;
	/* The number that is free now may be someone else's, or gone, a moment later. */
	for (int attempt = 0; file >= 0 && control >= 0 && loop < 0 && attempt < MOST_ATTEMPTS; attempt++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);
		if (number < 0)
			break;
		snprintf(device, 32, "/dev/loop%d", number);
		loop = open(device, O_RDONLY | O_CLOEXEC);
		if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &config) < 0) {
			int error = errno;
			close(loop);
			loop = -1;
			errno = error;
			if (error != EBUSY)
				break;
		}
	}
	int error = errno;
	if (file >= 0)
		close(file);
	if (control >= 0)
		close(control);
	errno = error;
	return loop;
}

static void mount_image(const char *type, const char *image, const char *directory)
{
	char device[32];
	make_directory(directory, 0700);
	if (is_mount_root(directory))
		return;
	int loop = loop_of(image, device);
	if (loop < 0 || mount(device, directory, type, MS_RDONLY | MS_NODEV, NULL) < 0) {
		warn("mounting %s once", image);
		rmdir(directory);
	}
	if (loop >= 0)
		close(loop);
}

static void mount_images(char **images, int count)
{
	make_directory(RUNTIME, 0755);
	make_directory(IMAGES, 0700);
	for (int i = 0; i < count; i += 3)
		mount_image(images[i], images[i + 1], path_in(IMAGES, images[i + 2]));
}

/* In the namespace of the host nobody may see what a merge is shown. */
static void require_own_namespace(void)
{
	struct stat own, host;
	if (stat("/proc/self/ns/mnt", &own) < 0 || stat("/proc/1/ns/mnt", &host) < 0)
		fail("looking at the mount namespace");
	if (own.st_dev == host.st_dev && own.st_ino == host.st_ino) {
		errno = EPERM;
		fail("hiding %s from the host", EXTENSIONS);
	}
}

/* Whether a file is the image that one of these stands for: NAME.raw. */
static const char *key_of(const char *file, char **offered, int count)
{
	for (int i = 0; i < count; i += 2) {
		size_t length = strlen(offered[i]);
		if (strncmp(file, offered[i], length) == 0 && strcmp(file + length, ".raw") == 0)
			return is_mount_root(path_in(IMAGES, offered[i + 1])) ? offered[i + 1] : NULL;
	}
	return NULL;
}

static void link_to(const char *target, const char *path)
{
	if (symlink(target, path) < 0)
		fail("making the link %s", path);
}

/* Shows what was in a directory, which something is mounted on now, under the same name. */
static void show(int directory, const char *name, const char *path)
{
	char text[PATH_MAX];
	struct stat status;
	if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		fail("looking at %s", path);
	if (S_ISLNK(status.st_mode)) {
		ssize_t length = readlinkat(directory, name, text, sizeof text - 1);
		if (length < 0)
			fail("reading the link %s", path);
		text[length] = '\0';
		link_to(text, path);
		return;
	}
	snprintf(text, sizeof text, "/proc/self/fd/%d/%s", directory, name);
	if (S_ISDIR(status.st_mode))
		make_directory(path, 0755);
	else
		close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	if (mount(text, path, NULL, MS_BIND | MS_REC, NULL) < 0)
		fail("showing %s", path);
}

/* What cannot be read is not the end. */
static struct dirent *next_entry(DIR *directory, const char *path)
{
	errno = 0;
	struct dirent *entry = readdir(directory);
	if (!entry && errno != 0)
		fail("reading %s", path);
	return entry;
}

static void offer(char **offered, int count)
{
	require_own_namespace();
	DIR *entries = opendir(EXTENSIONS);
	if (!entries || mount("tmpfs", EXTENSIONS, "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, "mode=0755") < 0)
		fail("showing other entries in " EXTENSIONS);
	for (struct dirent *entry; (entry = next_entry(entries, EXTENSIONS));) {
		const char *file = entry->d_name;
		const char *key = key_of(file, offered, count);
		/* Names that begin so are of files that are being written: systemd passes over them. */
		if (strcmp(file, ".") == 0 || strcmp(file, "..") == 0 || strncmp(file, ".#", 2) == 0)
			continue;
		char *path;
		if (asprintf(&path, EXTENSIONS "/%s", file) < 0)
			fail("showing %s", file);
		if (!key) {
			show(dirfd(entries), file, path);
			continue;
		}
		path[strlen(path) - strlen(".raw")] = '\0';
		link_to(path_in(IMAGES, key), path);
	}
	closedir(entries);
}

static bool is_among(const char *name, char **names, int count)
{
	for (int i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static void take_off(int directory, const char *name)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, IMAGES "/%s", name);
	while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		;
	/* Besides what is mounted there may be the lock of a systemd-sysext that was killed. */
	if (unlinkat(directory, name, AT_REMOVEDIR) < 0 && (errno != ENOTDIR || unlinkat(directory, name, 0) < 0))
		fail("removing %s", path);
}

static void keep(char **kept, int count)
{
	DIR *entries = opendir(IMAGES);
	if (!entries && errno == ENOENT)
		return;
	if (!entries)
		fail("looking at " IMAGES);
	for (struct dirent *entry; (entry = next_entry(entries, IMAGES));) {
		const char *name = entry->d_name;
		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !is_among(name, kept, count))
			take_off(dirfd(entries), name);
	}
	closedir(entries);
}

static int usage(void)
{
	fputs("usage: sysext-agent-images mount [TYPE IMAGE KEY]... -- /PROGRAM [ARGUMENT...]\n"
	      "       sysext-agent-images offer [NAME KEY]... -- /PROGRAM [ARGUMENT...]\n"
	      "       sysext-agent-images keep [KEY]...\n", stderr);
	return 2;
}

int main(int count, char **arguments)
{
	const char *verb = count > 1 ? arguments[1] : "";
	char **words = arguments + 2;
	int length = 0;
	umask(022);
	if (strcmp(verb, "keep") == 0) {
		keep(words, count - 2);
		return 0;
	}
	while (count > 2 && words[length] && strcmp(words[length], "--") != 0)
		length++;
	char **program = count > 2 && words[length] ? words + length + 1 : NULL;
	if (!program || !*program || **program != '/')
		return usage();
	if (strcmp(verb, "mount") == 0 && length % 3 == 0)
		mount_images(words, length);
	else if (strcmp(verb, "offer") == 0 && length % 2 == 0)
		offer(words, length);
	else
		return usage();
	execv(*program, program);
	fail("executing %s", *program);
}
