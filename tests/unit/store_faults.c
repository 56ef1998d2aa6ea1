/*
 * An SQLite VFS over the usual one that counts what changes files, and fails the n-th such call.
 * While it is registered it is the default. Included by test_store_sqlite.c and test_store_wal.c.
 */
#include <sqlite3.h>
#include <stdatomic.h>

struct fault_file {
    sqlite3_file base;
    sqlite3_file *real; /* right behind */
    bool is_log;
};

static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    atomic_long left;      /* calls until the failure; < 0: none */
    atomic_bool lasting;   /* all that follow fail too */
    atomic_bool log_stays; /* the write-ahead log does not fail, nor its index */
    atomic_int rc;
    atomic_long hits, syncs;
} faults;

/* True: this call fails. */
static bool fault_hit(const sqlite3_file *f, bool index)
{
    long left = atomic_load(&faults.left);

    if ((index || ((const struct fault_file *)f)->is_log) && atomic_load(&faults.log_stays))
        return false;
    if (left < 0)
        return false;
    if (left > 0) {
        atomic_store(&faults.left, left - 1);
        return false;
    }
    if (!atomic_load(&faults.lasting))
        atomic_store(&faults.left, -1);
    atomic_fetch_add(&faults.hits, 1);
    return true;
}

static void faults_arm(long nth, int rc, bool lasting)
{
    atomic_store(&faults.hits, 0);
    atomic_store(&faults.rc, rc);
    atomic_store(&faults.lasting, lasting);
    atomic_store(&faults.left, nth);
}

static void faults_disarm(void)
{
    atomic_store(&faults.left, -1);
    atomic_store(&faults.log_stays, false);
}

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct fault_file *)f)->real;
}

#define PASS(name, params, args)                                                                   \
    static int fault_##name params                                                                 \
    {                                                                                              \
        return real_of(f)->pMethods->x##name args;                                                 \
    }
#define PASS_OR_FAIL(name, params, args)                                                           \
    static int fault_##name params                                                                 \
    {                                                                                              \
        return fault_hit(f, false) ? atomic_load(&faults.rc) : real_of(f)->pMethods->x##name args; \
    }

PASS(Close, (sqlite3_file * f), (real_of(f)))
PASS(Read, (sqlite3_file * f, void *p, int n, sqlite3_int64 at), (real_of(f), p, n, at))
PASS_OR_FAIL(Write, (sqlite3_file * f, const void *p, int n, sqlite3_int64 at),
             (real_of(f), p, n, at))
PASS_OR_FAIL(Truncate, (sqlite3_file * f, sqlite3_int64 n), (real_of(f), n))
PASS(FileSize, (sqlite3_file * f, sqlite3_int64 *n), (real_of(f), n))
PASS(Lock, (sqlite3_file * f, int how), (real_of(f), how))
PASS(Unlock, (sqlite3_file * f, int how), (real_of(f), how))
PASS(CheckReservedLock, (sqlite3_file * f, int *ret), (real_of(f), ret))
PASS(FileControl, (sqlite3_file * f, int op, void *arg), (real_of(f), op, arg))
PASS(SectorSize, (sqlite3_file * f), (real_of(f)))
PASS(DeviceCharacteristics, (sqlite3_file * f), (real_of(f)))
PASS(ShmLock, (sqlite3_file * f, int at, int n, int flags), (real_of(f), at, n, flags))
PASS(ShmUnmap, (sqlite3_file * f, int del), (real_of(f), del))

static int fault_Sync(sqlite3_file *f, int flags)
{
    atomic_fetch_add(&faults.syncs, 1);
    return fault_hit(f, false) ? atomic_load(&faults.rc)
                               : real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int fault_ShmMap(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
    return fault_hit(f, true) ? atomic_load(&faults.rc)
                              : real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, ret);
}

static void fault_ShmBarrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static const sqlite3_io_methods fault_methods = {
    .iVersion = 2,
    .xClose = fault_Close,
    .xRead = fault_Read,
    .xWrite = fault_Write,
    .xTruncate = fault_Truncate,
    .xSync = fault_Sync,
    .xFileSize = fault_FileSize,
    .xLock = fault_Lock,
    .xUnlock = fault_Unlock,
    .xCheckReservedLock = fault_CheckReservedLock,
    .xFileControl = fault_FileControl,
    .xSectorSize = fault_SectorSize,
    .xDeviceCharacteristics = fault_DeviceCharacteristics,
    .xShmMap = fault_ShmMap,
    .xShmLock = fault_ShmLock,
    .xShmBarrier = fault_ShmBarrier,
    .xShmUnmap = fault_ShmUnmap,
};

static int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret)
{
    struct fault_file *file = (struct fault_file *)f;

    (void)vfs;
    file->base.pMethods = NULL;
    file->is_log = (flags & SQLITE_OPEN_WAL) != 0;
    file->real = (sqlite3_file *)(file + 1);
    int rc = faults.real->xOpen(faults.real, name, file->real, flags, ret);
    if (rc == SQLITE_OK)
        file->base.pMethods = &fault_methods;
    return rc;
}

static void faults_install(void)
{
    faults.real = sqlite3_vfs_find(NULL);
    faults.vfs = *faults.real; /* what is not replaced is the real one's, which ignores `vfs` */
    faults.vfs.zName = "faults";
    faults.vfs.pNext = NULL;
    faults.vfs.szOsFile = (int)sizeof(struct fault_file) + faults.real->szOsFile;
    faults.vfs.xOpen = fault_open;
    faults_disarm();
    assert_int_equal(sqlite3_vfs_register(&faults.vfs, 1), SQLITE_OK);
}

static void faults_remove(void)
{
    faults_disarm();
    sqlite3_vfs_unregister(&faults.vfs);
    sqlite3_vfs_register(faults.real, 1);
}
