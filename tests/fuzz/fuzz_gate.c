/* fuzz_gate.c - wrong on purpose, three bytes deep: the proof that a run of a target can fail. */
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size >= 3 && data[0] == 'b' && data[1] == 'a' && data[2] == 'd')
		abort();
	return 0;
}
