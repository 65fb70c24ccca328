package main

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// disk is what the data's directory can do by itself.
type disk struct {
	MBPerSecond float64 // 1 MiB writes, each with an fdatasync, preallocated.
	P50, P99    float64 // Milliseconds of an fdatasync after 4 KiB.
}

// measureDisk writes into a file in dir, which it removes.
func measureDisk(dir string, scale float64) (disk, error) {
	large := max(16, int(128*min(scale, 1)))
	small := max(100, int(500*min(scale, 1)))
	f, err := os.Create(filepath.Join(dir, "disk-rate"))
	if err != nil {
		return disk{}, err
	}
	d, err := measureFile(f, large, small)
	return d, errors.Join(err, f.Close(), os.Remove(f.Name()))
}

func measureFile(f *os.File, large, small int) (disk, error) {
	fd := int(f.Fd())
	const mib = 1 << 20
	// Where the file system cannot preallocate, growing is part of its rate.
	if err := unix.Fallocate(fd, 0, 0, int64(large)*mib); err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return disk{}, err
	}
	if err := f.Sync(); err != nil {
		return disk{}, err
	}
	block := make([]byte, mib)
	for i := range block {
		block[i] = byte(i * 131)
	}
	begin := time.Now()
	for i := range large {
		if _, err := f.WriteAt(block, int64(i)*mib); err != nil {
			return disk{}, err
		}
		if err := unix.Fdatasync(fd); err != nil {
			return disk{}, err
		}
	}
	d := disk{MBPerSecond: float64(large) * mib / 1e6 / time.Since(begin).Seconds()}
	took := make([]float64, small)
	for i := range took {
		if _, err := f.WriteAt(block[:4096], int64(i)*4096); err != nil {
			return disk{}, err
		}
		begin := time.Now()
		if err := unix.Fdatasync(fd); err != nil {
			return disk{}, err
		}
		took[i] = milliseconds(time.Since(begin))
	}
	d.P50, d.P99 = quantile(took, 0.50), quantile(took, 0.99)
	return d, nil
}

// freeBytes is what a directory's file system can still take.
func freeBytes(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}
