/* Empties a feed: consumer URL FOLDER. URL is that of a consumer of its own, since it takes batches of one: so it needs
 * no parser of JSON. Each notification becomes a file of FOLDER, which has its id for a name. cc consumer.c -lcurl */
#include <curl/curl.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The status of the answer; 0: it did not come whole. */
static long ask(CURL *curl, const char *url, const char *post, FILE *to)
{
    long status = 0;

    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, to);
    if (post)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* True: its batch is to be completed. */
static int handle(FILE *new, char batch[21])
{
    char id[37];

    rewind(new);
    if (fscanf(new, "{\"batchId\":\"%20[0-9]\",\"notifications\":[{\"id\":\"%36[0-9a-f-]\"", batch, id) != 2)
        return 0;
    if (access(id, F_OK) == 0) /* it was processed before a crash */
        return 1;
    return fsync(fileno(new)) == 0 && rename(".new", id) == 0 && puts(id) >= 0 && fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
    char url[1024], batch[21];
    CURL *curl = curl_easy_init();

    if (argc != 3 || !curl || (mkdir(argv[2], 0700), chdir(argv[2])) != 0)
        return 2;
    for (int folder = open(".", O_RDONLY);;) {
        FILE *new = fopen(".new", "w+");
        snprintf(url, sizeof url, "%s/next?max=1&wait=PT30S", argv[1]);
        long status = new ? ask(curl, url, NULL, new) : 0;
        int done = status == 204; /* nothing came */
        if (status == 200 && fflush(new) == 0 && handle(new, batch) && fsync(folder) == 0) {
            snprintf(url, sizeof url, "%s/%s/complete", argv[1], batch);
            done = ask(curl, url, "", stdout) == 200;
        }
        if (new)
            fclose(new);
        if (!done)
            fprintf(stderr, "%s: not done\n", url), sleep(1);
    }
}
