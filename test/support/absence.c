/*
 * Looks at a path without pause until SIGTERM, then prints as JSON how often it looked, how often the path was absent,
 * and for how long at most and in all, in milliseconds: `absence PATH`.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

int main(int count, char **arguments)
{
	long polls = 0, absences = 0;
	double since = 0, longest = 0, total = 0;
	struct stat status;
	if (count != 2)
		return 2;
	signal(SIGTERM, end);
	for (; !ended; polls++) {
		int absent = stat(arguments[1], &status) != 0;
		if (absent && since == 0) {
			since = now();
			absences++;
		} else if (!absent && since != 0) {
			double lasted = now() - since;
			total += lasted;
			longest = lasted > longest ? lasted : longest;
			since = 0;
		}
	}
	printf("{\"polls\": %ld, \"absences\": %ld, \"longestMs\": %.3f, \"totalMs\": %.3f}\n", polls, absences, longest, total);
	return 0;
}
