# SPDX-License-Identifier: MIT
# Counts the cases of a CTest run: awk -f count-tests.awk <output of ctest> <LastTest.log>
#
# A test that reports cases (cmocka, or TAP) counts as that many, any other test as one. Prints,
# separated by tabs: T test passed failed skipped, F test case, S test case reason.
BEGIN { OFS = "\t" }

# First file: what CTest says of each test.
FNR == NR {
    if ($0 ~ /^ *[0-9]+\/[0-9]+ Test +#[0-9]+: /) {
        name = $0
        sub(/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: /, "", name)
        rest = name
        sub(/ .*/, "", name)
        verdict[name] = rest ~ /\*\*\*Skipped/ ? "skipped" : \
            rest ~ /\*\*\*Not Run \(Disabled\)/ ? "disabled" : \
            rest ~ / Passed +[0-9.]+ sec/ ? "passed" : "failed"
        order[++n_tests] = name
    }
    next
}

# Second file: what each test printed.
/^[0-9]+\/[0-9]+ Testing: / {
    test = $0
    sub(/^[0-9]+\/[0-9]+ Testing: /, "", test)
    within = 0
    reason = ""
    next
}
/^Output:$/ { within = 1; listing = 0; next }
/^<end of output>$/ { within = 0; next }
!within { next }

# TAP
/^ok [0-9]+/ || /^not ok [0-9]+/ {
    title = $0
    sub(/^(not )?ok [0-9]+ *-? */, "", title)
    if (/^not ok/) {
        failed[test]++
        print "F", test, title
    } else if (title ~ /# *(SKIP|skip)/) {
        why = title
        sub(/^.*# *(SKIP|skip) */, "", why)
        sub(/ *# *(SKIP|skip).*$/, "", title)
        skip(title, why)
    } else {
        passed[test]++
    }
    next
}
/^1\.\.0 *# *(SKIP|skip)/ { reason = $0; sub(/^1\.\.0 *# *(SKIP|skip) */, "", reason); next }

# cmocka: cases as they run; the lists at the end repeat them.
/^\[==========\].* run\.$/ { listing = 1; next }
/^\[==========\] Running/ { listing = 0; next }
/^\[ RUN      \]/ { reason = ""; next }
/^\[       OK \]/ { passed[test]++; next }
/^\[  SKIPPED \]/ { if (!listing) skip(word_after($0), reason); next }
# ERROR and a name: its set-up or teardown failed. ERROR and dashes is an assertion's text.
/^\[  FAILED  \]/ || /^\[  ERROR   \] [^-]/ {
    if (!listing) {
        failed[test]++
        print "F", test, word_after($0)
    }
    next
}
/skip/ && !/^\[/ { reason = $0; sub(/^.*skip[a-z]*:? */, "", reason) }

function word_after(line)
{
    sub(/^\[[^]]*\] */, "", line)
    return line
}

function skip(title, why)
{
    skipped[test]++
    print "S", test, title, why
}

# A test's last reason stands for the test as a whole when it exits with the skip code.
{ last_reason[test] = reason }

END {
    for (i = 1; i <= n_tests; i++) {
        t = order[i]
        p = passed[t] + 0; f = failed[t] + 0; s = skipped[t] + 0
        if (verdict[t] == "disabled") {
            s++
            print "S", t, "(whole test)", "disabled: what it needs was not there when configuring"
        } else if (verdict[t] == "skipped") {
            if (p + f + s == 0) {
                s = 1
                print "S", t, "(whole test)", last_reason[t]
            }
        } else if (verdict[t] == "failed") {
            # Ended before it could say which case: a crash, a time-out, a leak at the end.
            if (f == 0) {
                f = 1
                print "F", t, "(the program as a whole)"
            }
        } else if (p + f + s == 0) {
            p = 1
        }
        print "T", t, p, f, s
    }
}
