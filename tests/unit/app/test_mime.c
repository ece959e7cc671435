/* test_mime.c - names and their media types. */
#include "app/mime.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct mime *load(const char *text)
{
	char file[] = "/tmp/weir-mime-XXXXXX";
	struct mime *mime = NULL;
	FILE *out = fdopen(mkstemp(file), "w");

	cr_assert_not_null(out);
	cr_assert_geq(fputs(text, out), 0);
	cr_assert_eq(fclose(out), 0);
	cr_assert_eq(mime_load(file, &mime), 0);
	cr_assert_eq(unlink(file), 0);
	return mime;
}

static void expect(const struct mime *mime, const char *name, const char *type)
{
	weir_str found = mime_of(mime, weir_strz(name));

	cr_expect(weir_str_eq(found, weir_strz(type)), "%s: %.*s", name, WEIR_ARG(found));
}

Test(mime, without_a_table_knows_what_pages_are_made_of)
{
	struct mime *mime = NULL;

	cr_assert_eq(mime_load("/nowhere", &mime), 0);
	expect(mime, "index.html", "text/html");
	expect(mime, "A.CSS", "text/css");
	expect(mime, "x.woff2", "font/woff2");
	expect(mime, "x.avif", "image/avif");
	expect(mime, "x.zip", "application/zip");
	expect(mime, "x.unheard-of", "application/octet-stream");
	expect(mime, "html", "application/octet-stream");
	expect(mime, "x.", "application/octet-stream");
	expect(mime, "", "application/octet-stream");
	expect(mime, "x.abcdefghijabcdefghijabcdefghijabcdefghij", "application/octet-stream");
	(void)mime_free(mime);
}

Test(mime, the_table_is_believed_first)
{
	struct mime *mime = load("# types\n"
				 "text/x-page\t\thtml HTM # and more\n"
				 "application/x-none\n"
				 "nonsense\t\tcss\n"
				 "\r\n"
				 "text/x-a a\r\n"
				 "text/x-b a b");

	expect(mime, "index.html", "text/x-page");
	expect(mime, "a.b.htm", "text/x-page");
	expect(mime, "x.css", "text/css");
	expect(mime, "x.a", "text/x-a");
	expect(mime, "x.b", "text/x-b");
	expect(mime, "x.more", "application/octet-stream");
	(void)mime_free(mime);
}
