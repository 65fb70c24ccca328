// Package vfs is the disk as Mainstem sees it, with three of them: the real
// one, one in memory that forgets what was not synced, and one that fails on
// demand. All file access of the broker goes through it, so that every rule of
// the log is tested against crashes and faults that no real disk shows twice.
//
// Files, in reading order: vfs.go (the interface), os.go and osfile.go (OS, the
// real disk on Linux), keptdirs.go (for
// who must be able to sync a directory), lock.go (shared locks), mem.go and memfile.go (Mem: names and open files),
// sectors.go (what of a file is in the cache, what on the disk), crash.go
// (Kill, PowerCut, Clone, bit flips), unsynced.go (what a cut may take), fault.go and faultfile.go (Fault),
// hooks.go (ready-made faults).
//
// Invariants:
//   - A failed sync is reported once and never retried here.
//   - What a Mem has synced, contents by Datasync and names by SyncDir,
//     survives every PowerCut; of the rest any part may.
//   - No error loses the operating system's own: errors.Is finds ENOSPC.
//
// No goroutines. Everything is safe for concurrent use, but for Close.
package vfs
