/*
 * Stands in for libFuzzer in the normal build: runs the fuzz target once for every file of the folders given, so that a
 * crash once found stays a test. A folder without files is a failure.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what, const char *name)
{
    fprintf(stderr, "%s: ", name);
    perror(what);
    exit(1);
}

/* The bytes are copied into a block of exactly their size, so that a sanitizer sees a read past the end. */
static void run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        fail("open", path);
    if (fseek(f, 0, SEEK_END) != 0)
        fail("seek", path);
    long size = ftell(f);
    if (size < 0)
        fail("tell", path);
    rewind(f);
    uint8_t *data = malloc((size_t)size);
    if (size > 0 && (!data || fread(data, 1, (size_t)size, f) != (size_t)size))
        fail("read", path);
    fclose(f);
    fprintf(stderr, "%s\n", path); /* the last one printed is the one that crashed */
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
}

static int run_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir)
        fail("open", folder);
    int count = 0;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (entry->d_name[0] == '.')
            continue;
        char path[4096];
        int n = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (n < 0 || (size_t)n >= sizeof path)
            fail("name", folder);
        run_file(path);
        count++;
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        int inputs = run_folder(argv[i]);
        if (inputs == 0) {
            fprintf(stderr, "%s: no inputs\n", argv[i]);
            return 1;
        }
        count += inputs;
    }
    printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
