// Package disk watches over the disk that holds the data: how much room is
// left, and whether it still answers.
//
// A broker must never run a disk quite full: what makes room again (deletions,
// log starts, checkpoints) has to be written first. So clients' produce is
// refused while there is room for all else, and a ballast file keeps some more
// for the case that others fill the disk.
//
// Files, in reading order: level.go (the watermarks and what they mean),
// ballast.go (the file), guard.go (looks at the disk and acts), room.go (what
// happens when an operation finds no room), events.go, syncs.go (how long
// fdatasync takes), watched.go (the disk as the other rooms get it), dump.go.
//
// Invariants:
//   - The ballast's room never counts as free: while the file is gone, as much
//     is taken off what the file system says is free. So a released ballast
//     does not let produce in, and restoring it does not shut produce out.
//   - A level is left only with a quarter of its limit to spare, or, on a disk
//     that has not so much beyond the limit, with half of what it has.
//   - Once a broker runs, the last part of the ballast goes to nothing but the
//     next start.
//   - What holds the level at Full without a look at the disk ends by itself.
//   - An operation that finds no room is tried again once, and only if room was
//     made for it.
//
// Goroutines: one per Guard, from Open to Close. What a watched disk calls runs
// in its callers.
package disk
