// Package index stores where the batches of every partition are: immutable
// files of fixed-size entries, shared by all partitions, in the manner of a
// small log-structured merge tree.
//
// Each checkpoint writes one new file of level 0 that holds, for every
// partition that changed, a section: an opaque state and the entries that were
// added. So a checkpoint costs one sequential write and one fsync, whatever
// the number of partitions, and descriptors are per file, never per partition.
// Eight files of one level are merged into one of the next, so that a
// partition is spread over at most a handful of blocks.
//
// Everything here is derived from the CommitLog and can be deleted and rebuilt.
//
// Files in reading order: entry.go (one entry), format.go (the bytes of a
// file), writer.go, pieces.go, file.go (Open, Sections, reference count), sections.go
// (walking directories, of one file and of several side by side), claims.go
// (what several sections of a partition say together), cache.go
// (pages in memory), block.go (search in one section), merge.go, verify.go.
//
// Invariants:
//   - A file is never changed once it has its name; a rename publishes it.
//   - Within a section entries ascend by offset, and RunningMax and TotalBytes
//     never fall.
//   - Of two files the newer one speaks: its section's TruncatedTo cuts what
//     older files hold of that partition, Whole hides it, and a Patch takes the
//     place of a range of offsets (claims.go).
//   - Every byte that is read is covered by a CRC: an entry by its own, all the
//     rest by the footer's.
//
// The package starts no goroutines. A File, a Cache and a Block may be used
// concurrently; a Writer may not.
package index
