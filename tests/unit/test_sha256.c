/* SPDX-License-Identifier: MIT */
/* SHA-256 against the examples of FIPS 180-4 and NIST's test vectors, and in pieces of all sizes.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/sha256.h"
#include "base/str.h"

static const struct {
    const char *text, *sum;
} known[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnop"
     "qrsmnopqrstnopqrstu",
     "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
};

static void known_texts(void **state)
{
    char hex[TN__SHA256_HEX];

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        tn__sha256_hex(tn_str_from(known[i].text), hex);
        assert_string_equal(hex, known[i].sum);
    }
}

static void a_million_times_a(void **state)
{
    char hex[TN__SHA256_HEX], piece[1000];
    tn__sha256 sha;

    (void)state;
    memset(piece, 'a', sizeof(piece));
    tn__sha256_init(&sha);
    for (int i = 0; i < 1000; i++)
        tn__sha256_add(&sha, piece, sizeof(piece));
    tn__sha256_end_hex(&sha, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Padding has its borders at 55, 56 and 64 bytes: however the text is cut, the sum is the same. */
static void pieces_give_the_same(void **state)
{
    char text[200], whole[TN__SHA256_HEX], cut[TN__SHA256_HEX];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * 7);
    for (size_t len = 0; len <= sizeof(text); len++) {
        tn__sha256_hex(tn__str(text, len), whole);
        for (size_t first = 0; first <= len; first += 13) {
            tn__sha256 sha;
            tn__sha256_init(&sha);
            tn__sha256_add(&sha, text, first);
            tn__sha256_add(&sha, text + first, len - first);
            tn__sha256_end_hex(&sha, cut);
            assert_string_equal(cut, whole);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_texts),
        cmocka_unit_test(a_million_times_a),
        cmocka_unit_test(pieces_give_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
