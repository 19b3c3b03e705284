// Hyperscan as a contender of `cargo xtask bench classifiers`: `hyperscan PATTERNS` answers lines
// as src/main.rs says. Ends of matches only, which is the faster of its two ways.

#define _GNU_SOURCE
#include <hs/hs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATTERNS_MAX 256

static void fail(const char *what) {
    fprintf(stderr, "hyperscan: %s\n", what);
    exit(1);
}

static char *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    fseek(file, 0, SEEK_END);
    *length = (size_t)ftell(file);
    rewind(file);
    char *text = malloc(*length + 1);
    if (!text || fread(text, 1, *length, file) != *length) fail(path);
    text[*length] = 0;
    fclose(file);
    return text;
}

static int count(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *found) {
    (void)id, (void)from, (void)to, (void)flags;
    ++*(unsigned long long *)found;
    return 0;
}

static unsigned long long processor_time(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (unsigned long long)time.tv_sec * 1000000000ull + (unsigned long long)time.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 2) fail("no patterns were named");
    const char *patterns[PATTERNS_MAX];
    unsigned ids[PATTERNS_MAX], flags[PATTERNS_MAX], many = 0;
    size_t length;
    for (char *line = strtok(read_file(argv[1], &length), "\n"); line; line = strtok(NULL, "\n")) {
        if (many == PATTERNS_MAX) fail("too many patterns");
        patterns[many] = line, ids[many] = many, flags[many] = 0, ++many;
    }
    hs_database_t *database;
    hs_compile_error_t *error;
    if (hs_compile_multi(patterns, flags, ids, many, HS_MODE_BLOCK, NULL, &database, &error) != HS_SUCCESS)
        fail(error->message);
    hs_scratch_t *scratch = NULL;
    if (hs_alloc_scratch(database, &scratch) != HS_SUCCESS) fail("no scratch");

    char file[4096];
    unsigned long long milliseconds;
    while (scanf("%4095s %llu", file, &milliseconds) == 2) {
        char *text = read_file(file, &length);
        unsigned long long bytes = 0, found, taken = 0, start = processor_time();
        while (!bytes || taken < milliseconds * 1000000ull) {
            found = 0;
            if (hs_scan(database, text, (unsigned)length, 0, scratch, count, &found) != HS_SUCCESS)
                fail("the scan failed");
            bytes += length;
            taken = processor_time() - start;
        }
        printf("%llu %llu %llu\n", bytes, taken, found);
        fflush(stdout);
        free(text);
    }
    return 0;
}
