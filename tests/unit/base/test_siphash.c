/* test_siphash.c - against OpenSSL's SIPHASH with c-rounds 1 and d-rounds 3. */
#include "base/siphash.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "base/macro.h"

struct vector {
	size_t len;
	uint64_t hash;
};

/* The key is the bytes 0 to 15, the input the bytes 0 to len - 1: as in the authors' own vectors. */
ParameterizedTestParameters(siphash, vectors)
{
	static struct vector vectors[] = {
		{ 0, UINT64_C(0xabac0158050fc4dc) },  { 1, UINT64_C(0xc9f49bf37d57ca93) },
		{ 2, UINT64_C(0x82cb9b024dc7d44d) },  { 3, UINT64_C(0x8bf80ab8e7ddf7fb) },
		{ 4, UINT64_C(0xcf75576088d38328) },  { 5, UINT64_C(0xdef9d52f49533b67) },
		{ 6, UINT64_C(0xc50d2b50c59f22a7) },  { 7, UINT64_C(0xd3927d989bb11140) },
		{ 8, UINT64_C(0x369095118d299a8e) },  { 9, UINT64_C(0x25a48eb36c063de4) },
		{ 10, UINT64_C(0x79de85ee92ff097f) }, { 11, UINT64_C(0x70c118c1f94dc352) },
		{ 12, UINT64_C(0x78a384b157b4d9a2) }, { 13, UINT64_C(0x306f760c1229ffa7) },
		{ 14, UINT64_C(0x605aa111c0f95d34) }, { 15, UINT64_C(0xd320d86d2a519956) },
		{ 16, UINT64_C(0xcc4fdd1a7d908b66) }, { 31, UINT64_C(0x2370dd1f8c21d1bc) },
		{ 63, UINT64_C(0x9d199062b7bbb3a8) },
	};

	return cr_make_param_array(struct vector, vectors, ARRAY_LEN(vectors));
}

ParameterizedTest(struct vector *vector, siphash, vectors)
{
	const struct siphash_key key = { UINT64_C(0x0706050403020100),
					 UINT64_C(0x0f0e0d0c0b0a0908) };
	char bytes[64];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)i;
	cr_expect_eq(siphash(&key, (weir_str){ bytes, vector->len }), vector->hash, "%zu bytes",
		     vector->len);
}

Test(siphash, of_nothing_needs_no_pointer)
{
	const struct siphash_key key = { 1, 2 };

	cr_assert_eq(siphash(&key, (weir_str){ NULL, 0 }), siphash(&key, WEIR_STR("")));
}

Test(siphash, depends_on_both_words_of_the_key)
{
	const struct siphash_key a = { 1, 2 }, b = { 1, 3 }, c = { 2, 2 };
	weir_str s = WEIR_STR("a topic");

	cr_assert_neq(siphash(&a, s), siphash(&b, s));
	cr_assert_neq(siphash(&a, s), siphash(&c, s));
}
