/* failing.c: runs a command whose operations on files fail.   failing FOLDER HOW NUMBER REPORT COMMAND [ARGUMENTS...]
 *
 * Operations are counted from 1: opens, reads, writes, maps, renames, flushes, new folders and removals, in all
 * threads and processes of the command, whose file lies below FOLDER. HOW says which of them fail:
 *
 *   once          the one of that NUMBER, none for 0
 *   always        that one and all after it
 *   read-only     those that change anything
 *   gone          all, since the folder has another name from that NUMBER on: FOLDER.gone
 *   interrupted   each second one, as by a signal; but only reads, writes, flushes and opens of files are
 *   short         none, but reads and writes move half of what was asked for, as they may
 *
 * REPORT gets a line for each operation that was counted, until the one of that NUMBER: its name and its path. The
 * kernel stops the command at each system call and asks here (seccomp), so calls that no C library makes count too.
 * Ends as the command ends; with 125 when it could not be watched.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A system call: which of its arguments is the file, or the path and the folder that it starts from. */
static const struct operation {
    int number;
    const char *name;
    int file, path;
    int error;
} operations[] = {
    {SYS_open, "open", -1, 0, EIO},           {SYS_openat, "open", 0, 1, EIO},
    {SYS_openat2, "open", 0, 1, EIO},         {SYS_read, "read", 0, -1, EIO},
    {SYS_pread64, "read", 0, -1, EIO},        {SYS_readv, "read", 0, -1, EIO},
    {SYS_write, "write", 0, -1, ENOSPC},      {SYS_pwrite64, "write", 0, -1, ENOSPC},
    {SYS_writev, "write", 0, -1, ENOSPC},     {SYS_ftruncate, "write", 0, -1, ENOSPC},
    {SYS_copy_file_range, "write", 2, -1, ENOSPC}, {SYS_sendfile, "write", 0, -1, ENOSPC},
    {SYS_rename, "rename", -1, 1, EIO},       {SYS_renameat, "rename", 2, 3, EIO},
    {SYS_renameat2, "rename", 2, 3, EIO},     {SYS_linkat, "rename", 2, 3, EIO},
    {SYS_fsync, "flush", 0, -1, EIO},         {SYS_fdatasync, "flush", 0, -1, EIO},
    {SYS_mkdir, "make", -1, 0, ENOSPC},       {SYS_mkdirat, "make", 0, 1, ENOSPC},
    {SYS_unlink, "remove", -1, 0, EIO},       {SYS_unlinkat, "remove", 0, 1, EIO},
    {SYS_rmdir, "remove", -1, 0, EIO},        {SYS_mmap, "map", 4, -1, ENOMEM},
};

#define COUNT (sizeof operations / sizeof *operations)

static int failed(const char *what)
{
    fprintf(stderr, "failing: %s: %s\n", what, strerror(errno));
    return 125;
}

/* Has the kernel ask before each of the operations. Gives the descriptor where it asks. */
static int watched(void)
{
    struct sock_filter filter[2 * COUNT + 5];
    struct sock_fprog program = {0, filter};
    size_t at, next = 0;

    filter[next++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (at = 0; at + 1 < COUNT; at++) {
        filter[next++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)operations[at].number, 0, 1);
        filter[next++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    }
    /* Maps of files alone. */
    filter[next++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 3);
    filter[next++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[4]));
    filter[next++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xffffffffu, 1, 0);
    filter[next++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    filter[next++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    program.len = (unsigned short)next;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return -1;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* In the child: tells the parent where the kernel asks, waits until it has that, and becomes the command. */
static int become(int parent, char **command)
{
    int listener = watched();
    if (listener < 0 || send(parent, &listener, sizeof listener, 0) < 0 || recv(parent, &listener, 1, 0) != 1)
        return failed("seccomp");
    execvp(*command, command);
    return failed(*command);
}

/* Text of another process, which a NUL ends. */
static void text_of(unsigned process, uint64_t address, char *text, size_t size)
{
    char name[64];
    ssize_t length = -1;
    int memory;
    snprintf(name, sizeof name, "/proc/%u/mem", process);
    memory = open(name, O_RDONLY | O_CLOEXEC);
    if (memory >= 0)
        length = pread(memory, text, size - 1, (off_t)address);
    close(memory);
    text[length < 0 ? 0 : length] = 0;
}

static void path_of(const struct operation *operation, const struct seccomp_notif *asked, char *path, size_t size)
{
    char name[64], text[4096] = "";
    int file = operation->file < 0 ? AT_FDCWD : (int)asked->data.args[operation->file];
    ssize_t length;
    size_t used;
    if (operation->path >= 0)
        text_of(asked->pid, asked->data.args[operation->path], text, sizeof text);
    if (*text == '/') {
        snprintf(path, size, "%s", text);
        return;
    }
    if (file == AT_FDCWD)
        snprintf(name, sizeof name, "/proc/%u/cwd", asked->pid);
    else
        snprintf(name, sizeof name, "/proc/%u/fd/%d", asked->pid, file);
    length = readlink(name, path, size - 1);
    path[length < 0 ? 0 : length] = 0;
    used = strlen(path);
    if (*text)
        snprintf(path + used, size - used, "/%s", text);
}

/* Moves half of what a read or a write asks for, in its place. Gives 0 where it is none, or of a byte. */
static int moved(const struct seccomp_notif *asked, int process, struct seccomp_notif_resp *reply)
{
    static char bytes[1 << 20];
    const uint64_t *arguments = (const uint64_t *)asked->data.args;
    size_t size = (size_t)(arguments[2] / 2 < sizeof bytes ? arguments[2] / 2 : sizeof bytes);
    int call = asked->data.nr, writes = call == SYS_write || call == SYS_pwrite64, file, memory;
    ssize_t done = -1;
    char name[64];
    if (size == 0 || !(writes || call == SYS_read || call == SYS_pread64))
        return 0;
    snprintf(name, sizeof name, "/proc/%u/mem", asked->pid);
    memory = open(name, O_RDWR | O_CLOEXEC);
    file = (int)syscall(SYS_pidfd_getfd, process, (int)arguments[0], 0);
    if (memory >= 0 && file >= 0 && (!writes || pread(memory, bytes, size, (off_t)arguments[1]) == (ssize_t)size)) {
        switch (call) {
        case SYS_read:
            done = read(file, bytes, size);
            break;
        case SYS_pread64:
            done = pread(file, bytes, size, (off_t)arguments[3]);
            break;
        case SYS_write:
            done = write(file, bytes, size);
            break;
        default:
            done = pwrite(file, bytes, size, (off_t)arguments[3]);
        }
        if (done > 0 && !writes && pwrite(memory, bytes, (size_t)done, (off_t)arguments[1]) != done)
            done = -1;
    }
    reply->flags = 0;
    reply->val = done < 0 ? 0 : done;
    reply->error = done < 0 ? -EIO : 0;
    close(memory);
    close(file);
    return 1;
}

static int is(const struct operation *operation, const char *name)
{
    return strcmp(operation->name, name) == 0;
}

/* The flags of an open. */
static uint64_t flags(const struct operation *operation, const struct seccomp_notif *asked)
{
    return is(operation, "open") ? asked->data.args[operation->path + 1] : 0;
}

enum how { ONCE, ALWAYS, READ_ONLY, GONE, INTERRUPTED, SHORT, HOWS };

/* Whether an operation of this number fails, and by which error. */
static int fails(enum how how, long chosen, long number, const struct operation *operation,
                 const struct seccomp_notif *asked)
{
    uint64_t opened = flags(operation, asked);
    switch (how) {
    case ONCE:
        return chosen && number == chosen ? operation->error : 0;
    case ALWAYS:
        return chosen && number >= chosen ? operation->error : 0;
    case READ_ONLY:
        return is(operation, "open") ? (opened & (O_WRONLY | O_RDWR | O_CREAT) ? EROFS : 0)
                                     : (is(operation, "read") || is(operation, "map") ? 0 : EROFS);
    case INTERRUPTED:
        return number % 2 && !(opened & O_DIRECTORY) && !is(operation, "map") && !is(operation, "rename") &&
                       !is(operation, "make") && !is(operation, "remove")
                   ? EINTR
                   : 0;
    default:
        return 0;
    }
}

/* Answers what the kernel asks until nothing of the command runs any more. */
static void answer(int listener, int process, const char *folder, enum how how, long chosen, FILE *report)
{
    static char path[8192], gone[8192];
    size_t length = strlen(folder), at;
    long number = 0;
    for (;;) {
        struct seccomp_notif asked;
        struct seccomp_notif_resp reply;
        struct pollfd ready = {listener, POLLIN, 0};
        if (poll(&ready, 1, -1) < 0 && errno != EINTR)
            return;
        if (!(ready.revents & POLLIN)) {
            if (ready.revents & (POLLHUP | POLLERR))
                return;
            continue;
        }
        memset(&asked, 0, sizeof asked);
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked))
            continue;
        memset(&reply, 0, sizeof reply);
        reply.id = asked.id;
        reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        for (at = 0; at < COUNT && operations[at].number != asked.data.nr; at++)
            ;
        if (at < COUNT) {
            path_of(&operations[at], &asked, path, sizeof path);
            if (strncmp(path, folder, length) == 0 && path[length] == '/') {
                int error = fails(how, chosen, ++number, &operations[at], &asked);
                if (chosen == 0 || number <= chosen)
                    fprintf(report, "%s %s\n", operations[at].name, path + length + 1);
                if (how == GONE && number == chosen) {
                    snprintf(gone, sizeof gone, "%s.gone", folder);
                    rename(folder, gone);
                }
                if (error) {
                    reply.flags = 0;
                    reply.error = -error;
                } else if (how == SHORT) {
                    moved(&asked, process, &reply);
                }
            }
        }
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply);
    }
}

int main(int count, char **arguments)
{
    static const char *const hows[HOWS] = {"once", "always", "read-only", "gone", "interrupted", "short"};
    int pair[2], listener, status, process, how = 0;
    FILE *report;
    pid_t child;
    while (count > 5 && how < HOWS && strcmp(hows[how], arguments[2]))
        how++;
    if (count < 6 || how == HOWS)
        return failed("FOLDER HOW NUMBER REPORT COMMAND are expected");
    report = fopen(arguments[4], "we");
    if (!report || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return failed(arguments[4]);
    child = fork();
    if (child < 0)
        return failed("fork");
    if (child == 0) {
        close(pair[0]);
        _exit(become(pair[1], arguments + 5));
    }
    close(pair[1]);
    if (recv(pair[0], &listener, sizeof listener, 0) != sizeof listener)
        return failed("the command");
    process = (int)syscall(SYS_pidfd_open, child, 0);
    listener = (int)syscall(SYS_pidfd_getfd, process, listener, 0);
    if (listener < 0 || send(pair[0], "", 1, 0) != 1)
        return failed("the command's descriptor");
    answer(listener, process, arguments[1], (enum how)how, atol(arguments[3]), report);
    close(process);
    if (fclose(report) || waitpid(child, &status, 0) < 0)
        return failed("the end");
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
