/* allocations.c: a run in which an allocation of the library fails.   allocations MODELS GRAPH OUTPUT BYTES SIDE
 *
 * Serves allocations.py. Reads lines of three numbers from stdin: whether the block is one of BYTES and more, which
 * of those or of the smaller ones it is, counted from 1, and whether all fail from then on. For each it forks a
 * process that runs the graph for a picture of SIDE pixels while the block fails, frees everything, and runs it
 * again; and prints a line:
 *
 *   SIGNAL CODE SAME NEXT LARGE SMALL SIZE LATEST LEFT FILES ADDRESSES...
 *
 * the signal that ended the process; the run's code, and whether the picture, and the next run's picture, are right;
 * how many blocks were asked for; the size of the first block that failed, and the largest of the latest; bytes that
 * were in use and files that were open at the end; and where in the library the block was asked for, or where the
 * process ended.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <malloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../c/check.h"

enum { DEPTH = 64, SECONDS = 300, LATEST = 8 };

/* What a process tells of its trial, even if it ends. */
static struct trial {
    int large, always, armed, code, same, next, depth;
    long number, counted[2], files;
    size_t size, latest[LATEST], left;
    unsigned denied;
    void *stack[DEPTH];
} *trial;

static uintptr_t from, until;
static size_t bytes;

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

/* Whether a block that is asked for at this address fails. */
static int denied(size_t size, void *address)
{
    int large = size >= bytes, wanted;
    long number;
    if (!trial || !trial->armed || (uintptr_t)address < from || (uintptr_t)address >= until)
        return 0;
    number = __atomic_add_fetch(&trial->counted[large], 1, __ATOMIC_RELAXED);
    wanted = trial->number && large == trial->large && number == trial->number;
    if (wanted) {
        trial->size = size;
        trial->armed = 0;
        trial->depth = backtrace(trial->stack, DEPTH);
        trial->armed = trial->always ? 2 : 1;
    }
    if (!wanted && trial->armed != 2)
        return 0;
    trial->latest[__atomic_fetch_add(&trial->denied, 1, __ATOMIC_RELAXED) % LATEST] = size;
    return 1;
}

#define OURS(size, block) (denied(size, __builtin_return_address(0)) ? (errno = ENOMEM, NULL) : (block))

void *malloc(size_t size)
{
    return OURS(size, __libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return OURS(count * size, __libc_calloc(count, size));
}

void *realloc(void *block, size_t size)
{
    return OURS(size, __libc_realloc(block, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return OURS(size, __libc_memalign(alignment, size));
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    void *got = OURS(size, __libc_memalign(alignment, size));
    if (got)
        *block = got;
    return got ? 0 : ENOMEM;
}

static int range(struct dl_phdr_info *library, size_t size, void *user)
{
    int at;
    (void)size;
    (void)user;
    if (!strstr(library->dlpi_name, "libwuerst"))
        return 0;
    from = library->dlpi_addr;
    for (at = 0; at < library->dlpi_phnum; at++) {
        const ElfW(Phdr) *part = &library->dlpi_phdr[at];
        if (part->p_type == PT_LOAD && until < from + part->p_vaddr + part->p_memsz)
            until = from + part->p_vaddr + part->p_memsz;
    }
    return 1;
}

/* A run, from the engine to the picture; everything is free again after it. Gives its code. */
static int run(char **arguments, wst_digest *digest)
{
    const char *const inputs[][2] = {{"prompt", "a red apple"}, {"steps", "1"}, {"decoder_steps", "1"},
                                     {"width", arguments[5]}, {"height", arguments[5]}};
    wst_options options = WST_OPTIONS_INIT;
    wst_engine *engine = NULL;
    wst_graph *graph = NULL;
    wst_job *job = NULL;
    wst_value *image = NULL;
    wst_error *error;
    size_t at;
    int code;

    options.models = text(arguments[1]);
    options.threads = 1;
    error = wst_engine_new(&options, &engine);
    if (!error)
        error = wst_graph_open(engine, text(arguments[2]), &graph);
    if (!error)
        error = wst_job_new(graph, &job);
    for (at = 0; at < sizeof inputs / sizeof *inputs && !error; at++)
        error = wst_job_set_text(job, text(inputs[at][0]), text(inputs[at][1]));
    if (!error)
        error = wst_job_get(job, text(arguments[3]), NULL, &image);
    if (!error)
        error = wst_value_digest(image, digest);
    code = (int)wst_error_code(error);
    if (code && code != WST_OUT_OF_MEMORY)
        fprintf(stderr, "code %d: %s\n", code, wst_error_message(error).data);
    wst_error_free(error);
    wst_value_free(image);
    wst_job_free(job);
    wst_graph_free(graph);
    wst_engine_free(engine);
    return code;
}

static long open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    long count = 0;
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

/* Notes where the process ends. */
static void ends(int sign)
{
    trial->armed = 0;
    trial->depth = backtrace(trial->stack, DEPTH);
    signal(sign, SIG_DFL);
    raise(sign);
}

/* In a process of its own. The first of all says which picture is right. */
static void try(char **arguments, wst_digest *right, int first)
{
    wst_digest digest = {{0}};
    struct mallinfo2 in_use;
    alarm(SECONDS);
    signal(SIGABRT, ends);
    signal(SIGSEGV, ends);
    signal(SIGBUS, ends);
    trial->armed = 1;
    trial->code = run(arguments, &digest);
    trial->armed = 0;
    if (first)
        *right = digest;
    trial->same = memcmp(&digest, right, sizeof digest) == 0;
    trial->next = run(arguments, &digest) == 0 && memcmp(&digest, right, sizeof digest) == 0;
    in_use = mallinfo2();
    trial->left = in_use.uordblks + in_use.hblkhd;
    trial->files = open_files();
}

/* Ending a process takes some small blocks, which fail too. */
static size_t largest_of_latest(void)
{
    size_t at, most = 0;
    for (at = 0; at < LATEST; at++)
        if (trial->latest[at] > most)
            most = trial->latest[at];
    return most;
}

static void *shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

int main(int count, char **arguments)
{
    wst_digest *right = shared(sizeof *right);
    char line[64];
    int first = 1, status, at;
    void *warm[1];

    trial = shared(sizeof *trial);
    if (count != 6 || !trial || !right)
        return 2;
    bytes = strtoul(arguments[4], NULL, 10);
    /* Both are loaded before anything fails, and before each fork. */
    CHECK(dl_iterate_phdr(range, NULL) && backtrace(warm, 1) && wst_abi_version());
    CHECK(dlopen(getenv("ORT_DYLIB_PATH"), RTLD_NOW | RTLD_GLOBAL));
    setvbuf(stdout, NULL, _IONBF, 0);
    while (!wrong && fgets(line, sizeof line, stdin)) {
        pid_t child;
        memset(trial, 0, sizeof *trial);
        if (sscanf(line, "%d %ld %d", &trial->large, &trial->number, &trial->always) != 3)
            return 2;
        child = fork();
        if (child == 0) {
            try(arguments, right, first);
            _exit(0);
        }
        if (child < 0 || waitpid(child, &status, 0) != child)
            return 2;
        first = 0;
        printf("%d %d %d %d %ld %ld %zu %zu %zu %ld", WIFSIGNALED(status) ? WTERMSIG(status) : 0, trial->code,
               trial->same, trial->next, trial->counted[1], trial->counted[0], trial->size, largest_of_latest(),
               trial->left, trial->files);
        for (at = 0; at < trial->depth; at++)
            if ((uintptr_t)trial->stack[at] >= from && (uintptr_t)trial->stack[at] < until)
                printf(" %#lx", (unsigned long)((uintptr_t)trial->stack[at] - from - 1));
        printf("\n");
    }
    check_uses();
    return wrong;
}
