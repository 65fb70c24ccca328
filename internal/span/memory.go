package span

import (
	"errors"
	"fmt"
	"math/bits"

	"golang.org/x/sys/unix"
)

// Size classes: four steps to each doubling (1, 1.25, 1.5, 1.75) from 4 KiB to
// 64 MiB. Powers of two alone would count a 1 MiB batch with its request
// header as 2 MiB of the budget. Larger buffers are made to measure and never
// kept.
const (
	classMinBits = 12 // 4 KiB
	classMaxBits = 26 // 64 MiB
	classSteps   = 4
	classes      = (classMaxBits-classMinBits)*classSteps + 1

	pageSize = 4 << 10

	// offHeapMin is where memory comes from mmap instead of the Go heap: large
	// buffers would stretch the collector's pacing, and only mapped memory
	// really goes back to the operating system when it is trimmed. Smaller ones
	// would be more mappings than a process may have.
	offHeapMin = 64 << 10

	// firstPiece of a buffer that is still to be filled is counted at once, of a
	// buffer of at least offHeapMin. Each next one makes it growth times as large:
	// who has sent little holds little, and a MiB needs two more turns.
	firstPiece = 32 << 10
	growth     = 4
)

// classOf returns the class for n bytes and its size; class == classes means
// made to measure.
func classOf(n int) (class, size int) {
	if n <= 1<<classMinBits {
		return 0, 1 << classMinBits
	}
	if n > 1<<classMaxBits {
		return classes, (n + pageSize - 1) &^ (pageSize - 1)
	}
	exp := bits.Len(uint(n-1)) - 1 // 2^exp <= n-1 < 2^(exp+1)
	quarter := 1 << (exp - 2)
	steps := (n - 1<<exp + quarter - 1) / quarter // 1..4
	return (exp-classMinBits)*classSteps + steps, 1<<exp + steps*quarter
}

func mapMemory(size int) ([]byte, error) {
	if size < offHeapMin {
		return make([]byte, size), nil
	}
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes: %w", size, err)
	}
	return mem, nil
}

func unmapMemory(mem []byte) {
	if len(mem) < offHeapMin {
		return
	}
	err := unix.Munmap(mem)
	if errors.Is(err, unix.ENOMEM) {
		// A hole would make one mapping too many: give back what is behind it.
		err = unix.Madvise(mem, unix.MADV_DONTNEED)
	}
	if err != nil {
		panic(fmt.Sprintf("span: unmap of our own memory: %v", err))
	}
}

// coolDown gives the memory from off on back to the operating system. It stays
// mapped and is zero when it is used next.
func coolDown(mem []byte, off int) {
	if err := unix.Madvise(mem[off:], unix.MADV_DONTNEED); err != nil {
		panic(fmt.Sprintf("span: madvise of our own memory: %v", err))
	}
}

func freeAll(victims [][]byte) {
	for _, mem := range victims {
		unmapMemory(mem)
	}
}
