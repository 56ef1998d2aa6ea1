/* Empties a feed: consumer URL FOLDER. URL is that of a consumer of its own, since it takes batches of one: so it needs
 * no parser of JSON. Each notification becomes a file of FOLDER, which has its id for a name. cc consumer.c -lcurl */
#include <curl/curl.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH "{\"batchId\":\"%20[0-9]\",\"notifications\":[{\"id\":\"%36[0-9a-f-]\""

/* The status of the answer; 0: it did not come whole. */
static long ask(CURL *curl, int post, const char *url, FILE *to)
{
    long status = 0;

    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
    curl_easy_setopt(curl, CURLOPT_HTTPGET, post ? 0L : 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, to);
    if (curl_easy_perform(curl) == CURLE_OK && fflush(to) == 0)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

int main(int argc, char **argv)
{
    char url[1024], batch[21], id[37];
    CURL *curl = curl_easy_init();

    if (argc != 3 || !curl || (mkdir(argv[2], 0700), chdir(argv[2])) != 0)
        return 2;
    setlinebuf(stdout);
    for (int folder = open(".", O_RDONLY);;) {
        FILE *new = fopen(".new", "w+");
        snprintf(url, sizeof url, "%s/next?max=1&wait=PT30S", argv[1]);
        long status = new ? ask(curl, 0, url, new) : 0;
        int done = status == 204; /* nothing came */
        if (status == 200 && fseek(new, 0, SEEK_SET) == 0 && fscanf(new, BATCH, batch, id) == 2) {
            if (access(id, F_OK) != 0 && fsync(fileno(new)) == 0 && rename(".new", id) == 0)
                puts(id); /* else it was processed before a crash */
            snprintf(url, sizeof url, "%s/%s/complete", argv[1], batch);
            done = access(id, F_OK) == 0 && fsync(folder) == 0 && ask(curl, 1, url, stdout) == 200;
        }
        if (new)
            fclose(new);
        if (!done)
            fprintf(stderr, "%s: not done\n", url), sleep(1);
    }
}
