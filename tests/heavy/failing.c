/* failing.c: runs a command in which one operation on files fails.   failing FOLDER NUMBER REPORT COMMAND [ARGUMENTS...]
 *
 * Operations are counted from 1: opens, reads, writes, maps, renames and flushes, in all threads and processes of the
 * command, whose file lies below FOLDER. The one of that NUMBER fails, none for 0. REPORT gets a line for each operation
 * that was counted until then: its name and its path. The kernel stops the command at each system call and asks here
 * (seccomp), so calls that no C library makes count too. Ends as the command ends; with 125 when it could not be watched.
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
    {SYS_mmap, "map", 4, -1, ENOMEM},
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

/* Answers what the kernel asks until nothing of the command runs any more. */
static void answer(int listener, const char *folder, long chosen, FILE *report)
{
    static char path[8192];
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
                number++;
                if (chosen == 0 || number <= chosen)
                    fprintf(report, "%s %s\n", operations[at].name, path + length + 1);
                if (number == chosen) {
                    reply.flags = 0;
                    reply.error = -operations[at].error;
                }
            }
        }
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply);
    }
}

int main(int count, char **arguments)
{
    int pair[2], listener, status, process;
    FILE *report;
    pid_t child;
    if (count < 5)
        return failed("FOLDER NUMBER REPORT COMMAND are wanted");
    report = fopen(arguments[3], "we");
    if (!report || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return failed(arguments[3]);
    child = fork();
    if (child < 0)
        return failed("fork");
    if (child == 0) {
        close(pair[0]);
        _exit(become(pair[1], arguments + 4));
    }
    close(pair[1]);
    if (recv(pair[0], &listener, sizeof listener, 0) != sizeof listener)
        return failed("the command");
    process = (int)syscall(SYS_pidfd_open, child, 0);
    listener = (int)syscall(SYS_pidfd_getfd, process, listener, 0);
    if (listener < 0 || send(pair[0], "", 1, 0) != 1)
        return failed("the command's descriptor");
    close(process);
    answer(listener, arguments[1], atol(arguments[2]), report);
    if (fclose(report) || waitpid(child, &status, 0) < 0)
        return failed("the end");
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
