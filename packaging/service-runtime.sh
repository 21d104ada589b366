# How Node runs the service, which rests for months: what it maps and keeps for speed that nobody needs then is memory of the host.
# A small space for new objects does not grow to what nothing needs.
flags=--max-semi-space-size=1
# One compiler for what runs hot for seconds, as in a build, and none for what runs in a pass of a moment.
flags="$flags --no-maglev --invocation-count-for-turbofan=60000 --invocation-count-for-osr=10000 --v8-pool-size=1"
# Each thread has a heap of its own in glibc, which keeps what was freed (mallopt(3)).
export MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=131072 UV_THREADPOOL_SIZE=2
