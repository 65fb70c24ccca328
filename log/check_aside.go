package log

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/mainstem-mq/mainstem/internal/model"
)

// aside looks into a file that was set aside.
func (c *checker) aside(name string) (err error) {
	f, err := c.fs.Open(path.Join(c.dir, name))
	if err != nil {
		return fmt.Errorf("look at %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return fmt.Errorf("size of %s: %w", name, err)
	}
	x := AsideFile{Name: name, Bytes: size}
	switch {
	case strings.Contains(name, checkpointPrefix):
		x.Holds = "a checkpoint"
	case strings.HasSuffix(name, indexSuffix):
		x.Holds = "indexes; they were made anew from the log"
	case strings.HasSuffix(name, startMarkName):
		x.Holds = "a start mark"
	default:
		owners := make(map[model.PartitionID]*AsideHold)
		if err := c.scanAside(f, size, &x, owners); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		x.Holds = fmt.Sprintf("%d entries of the log, of %d partitions", x.Entries, len(owners))
		for _, o := range owners {
			x.Owners = append(x.Owners, *o)
		}
		slices.SortFunc(x.Owners, func(a, b AsideHold) int { return cmp.Compare(a.Partition, b.Partition) })
	}
	c.report.Aside = append(c.report.Aside, x)
	c.note(KindOfAside, name, PositionRange{}, fmt.Sprintf("set aside, %d bytes: %s", size, x.Holds))
	return nil
}

// asideWindow is how much of a file that was set aside is read at once.
const asideWindow = 1 << 20

// scanAside finds the entries in a piece of a segment. Their places and salt
// are not known here, so a good header is all that is asked for.
func (c *checker) scanAside(f io.ReaderAt, size int64, x *AsideFile, owners map[model.PartitionID]*AsideHold) error {
	b := make([]byte, asideWindow+entryHeaderSize)
	for at := int64(0); at < size; {
		n, err := f.ReadAt(b[:min(int64(len(b)), size-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		i := 0
		for ; i+entryHeaderSize <= n && i < asideWindow; i += entryAlign {
			if binary.LittleEndian.Uint32(b[i:]) != entryMagic {
				continue
			}
			h, err := decodeEntryHeader(b[i : i+entryHeaderSize])
			if err != nil {
				continue
			}
			x.Entries++
			if h.Kind == KindBatches {
				c.hold(owners, &h)
			}
			i += int(h.Size) - entryAlign // the loop adds the rest
		}
		if i == 0 {
			return nil
		}
		at += int64(i)
	}
	return nil
}

// hold adds an entry to what a file holds of its partition.
func (c *checker) hold(owners map[model.PartitionID]*AsideHold, h *entryHeader) {
	end := h.BaseOffset + model.Offset(h.LastDelta) + 1
	o := owners[h.Partition]
	if o == nil {
		o = &AsideHold{Partition: h.Partition, From: h.BaseOffset, To: end}
		o.Topic, o.Index = c.name(h.Partition)
		owners[h.Partition] = o
	}
	o.From, o.To = min(o.From, h.BaseOffset), max(o.To, end)
	o.Batches += int(h.Batches)
}
