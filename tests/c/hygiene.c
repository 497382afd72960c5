/* hygiene.c: what the library must leave alone in its host's process.   hygiene MODELS GRAPH
 *
 * The state of the thread's floating point, signals, environment, working folder, locale, files and threads are
 * looked at before and after; that nothing is written to stdout or stderr is for whoever runs this to see.
 */
#include <dirent.h>
#include <fenv.h>
#include <locale.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

extern char **environ;

static wst_digest compute(wst_job *job, const wst_observer *observer)
{
    wst_value *image = NULL;
    wst_digest digest;
    memset(&digest, 0, sizeof digest);
    if (good(wst_job_get(job, text("image"), observer, &image)))
        CHECK(good(wst_value_digest(image, &digest)));
    wst_value_free(image);
    return digest;
}

/* Entries of a folder: of /proc/self/fd or of /proc/self/task. */
static int entries(const char *folder)
{
    DIR *open = opendir(folder);
    int count = 0;
    CHECK(open != NULL);
    while (open && readdir(open))
        count++;
    if (open)
        closedir(open);
    return count;
}

static size_t environment(char *into, size_t room)
{
    size_t length = 0;
    char **variable;
    for (variable = environ; *variable; variable++)
        length += (size_t)snprintf(into + length, room - length, "%s\n", *variable);
    return length;
}

#if defined(__x86_64__)
static unsigned get_state(void)
{
    unsigned state;
    __asm__ volatile("stmxcsr %0" : "=m"(state));
    return state;
}

static void set_state(unsigned state)
{
    __asm__ volatile("ldmxcsr %0" : : "m"(state));
}
/* Flush to zero, denormals are zero, round towards zero, and two flags of exceptions that happened. */
#define ODD_STATE (0x1f80u | 0x8000u | 0x0040u | 0x6000u | 0x0021u)
#else
static unsigned get_state(void)
{
    return (unsigned)fegetround();
}

static void set_state(unsigned state)
{
    fesetround((int)state);
}
#define ODD_STATE ((unsigned)FE_TOWARDZERO)
#endif

struct seen {
    int threads;
    unsigned state;
};

static void progress(void *user, wst_str node, uint32_t done, uint32_t of)
{
    struct seen *seen = (struct seen *)user;
    int threads = entries("/proc/self/task");
    (void)node;
    (void)done;
    (void)of;
    seen->threads = threads > seen->threads ? threads : seen->threads;
    seen->state = get_state() & 0xffc0;
}

static wst_job *new_job(wst_engine *engine, const char *path)
{
    wst_graph *graph = NULL;
    wst_job *job = NULL;
    CHECK(good(wst_graph_open(engine, text(path), &graph)) && good(wst_job_new(graph, &job)));
    CHECK(good(wst_job_set_text(job, text("prompt"), text("a red apple"))));
    CHECK(good(wst_job_set_text(job, text("steps"), text("3"))));
    wst_graph_free(graph);
    return job;
}

int main(int argc, char **argv)
{
    static char before[1 << 16], after[1 << 16];
    static struct sigaction actions[65], now;
    wst_options options = WST_OPTIONS_INIT;
    wst_engine *engine = NULL;
    wst_job *job;
    wst_observer observer = WST_OBSERVER_INIT;
    wst_digest odd, plain;
    struct seen seen = {0, 0};
    sigset_t mask, mask_now;
    char folder[4096], folder_now[4096];
    int number, files, threads;
    mode_t creation;
    unsigned state = get_state();

    if (argc != 3)
        return 2;
    for (number = 1; number < 65; number++)
        sigaction(number, NULL, &actions[number]);
    /* The kernel fills a part of it. */
    memset(&mask, 0, sizeof mask);
    memset(&mask_now, 0, sizeof mask_now);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    environment(before, sizeof before);
    CHECK(getcwd(folder, sizeof folder) != NULL);
    creation = umask(022);
    umask(creation);
    files = entries("/proc/self/fd");
    threads = entries("/proc/self/task");

    /* In an odd state: the first session of the process, where ONNX Runtime would set it; and results do not
     * depend on it. */
    set_state(ODD_STATE);
    options.models = text(argv[1]);
    options.threads = 1;
    CHECK(good(wst_engine_new(&options, &engine)));
    CHECK(get_state() == ODD_STATE);
    job = new_job(engine, argv[2]);
    observer.progress = progress;
    observer.user = &seen;
    odd = compute(job, &observer);
    CHECK(get_state() == ODD_STATE);
    /* An error leaves it too. */
    CHECK(fails(wst_job_set_text(job, text("seed"), text("one")), WST_INVALID, "seed"));
    CHECK(get_state() == ODD_STATE);
    set_state(state);
    CHECK(seen.threads == threads);
#if defined(__x86_64__)
    CHECK(seen.state == 0x1f80);
#endif
    wst_engine_release(engine);
    plain = compute(job, NULL);
    CHECK(memcmp(odd.bytes, plain.bytes, sizeof odd.bytes) == 0);

    wst_engine_release(engine);
    wst_job_free(job);
    wst_engine_free(engine);

    for (number = 1; number < 65; number++) {
        if (sigaction(number, NULL, &now) == 0)
            CHECK(now.sa_handler == actions[number].sa_handler && now.sa_flags == actions[number].sa_flags);
    }
    pthread_sigmask(SIG_SETMASK, NULL, &mask_now);
    CHECK(memcmp(&mask, &mask_now, sizeof mask) == 0);
    environment(after, sizeof after);
    CHECK(strcmp(before, after) == 0);
    CHECK(getcwd(folder_now, sizeof folder_now) && strcmp(folder, folder_now) == 0);
    CHECK(umask(creation) == creation);
    CHECK(strcmp(setlocale(LC_ALL, NULL), "C") == 0);
    CHECK(entries("/proc/self/fd") == files);
    CHECK(entries("/proc/self/task") == threads);
    return wrong;
}
