/* test_histogram.c - bounds, quantiles, and a reader in another process. */
#include "base/histogram.h"

#include <criterion/criterion.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned bucket_that_grew(uint64_t us)
{
	struct histogram h = { 0 };
	unsigned found = HISTOGRAM_BUCKETS;

	histogram_add(&h, us);
	cr_assert_eq(h.n, 1);
	cr_assert_eq(h.sum_us, us);
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		cr_assert(h.buckets[i] <= 1);
		if (h.buckets[i] == 0)
			continue;
		cr_assert_eq(found, HISTOGRAM_BUCKETS, "two buckets grew");
		found = i;
	}
	cr_assert_neq(found, HISTOGRAM_BUCKETS, "no bucket grew");
	return found;
}

Test(histogram, is_counted_below_the_first_bound_that_is_not_less)
{
	const uint64_t values[] = { 0, 1, 2, 3, 4, 5, 1000, 1024, 1025, 1 << 26, (1 << 26) + 1 };

	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		unsigned bucket = bucket_that_grew(values[i]);

		cr_expect(values[i] <= histogram_bound_us(bucket), "%llu",
			  (unsigned long long)values[i]);
		if (bucket > 0)
			cr_expect(values[i] > histogram_bound_us(bucket - 1), "%llu",
				  (unsigned long long)values[i]);
	}
}

Test(histogram, has_room_for_everything)
{
	cr_expect_eq(bucket_that_grew(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
	cr_expect_eq(histogram_bound_us(HISTOGRAM_BUCKETS - 1), UINT64_MAX);
	cr_expect(histogram_bound_us(HISTOGRAM_BUCKETS - 2) >= 60 * 1000000);
}

Test(histogram, quantiles)
{
	struct histogram h = { 0 };

	cr_expect_eq(histogram_quantile_us(&h, 0.5), 0);
	for (unsigned i = 0; i < 99; i++)
		histogram_add(&h, 100);
	histogram_add(&h, 5000);
	cr_expect_eq(histogram_quantile_us(&h, 0.5), 128);
	cr_expect_eq(histogram_quantile_us(&h, 0.99), 128);
	cr_expect_eq(histogram_quantile_us(&h, 0.999), 8192);
	cr_expect_eq(histogram_quantile_us(&h, 0), 128);
	cr_expect_eq(histogram_quantile_us(&h, 1), 8192);
}

Test(histogram, another_process_reads_it)
{
	struct histogram *h = mmap(NULL, sizeof(*h), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct histogram seen;
	pid_t pid;
	int status;

	cr_assert_neq(h, MAP_FAILED);
	pid = fork();
	if (pid == 0) {
		histogram_add(h, 7);
		histogram_add(h, 9);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	seen = histogram_read(h);
	cr_expect_eq(seen.n, 2);
	cr_expect_eq(seen.sum_us, 16);
	cr_expect_eq(seen.buckets[3], 1);
	cr_expect_eq(seen.buckets[4], 1);
	cr_assert_eq(munmap(h, sizeof(*h)), 0);
}
