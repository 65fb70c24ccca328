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
	"github.com/mainstem-mq/mainstem/log/index"
)

// aside looks into a file that was set aside. One that can not be read, perhaps
// for that very reason, says so and keeps nobody from the rest.
func (c *checker) aside(name string) {
	x := AsideFile{Name: name}
	if err := c.lookAside(&x); err != nil {
		x.Holds = fmt.Sprintf("it can not be read: %v", err)
	}
	c.report.Aside = append(c.report.Aside, x)
	c.note(KindOfAside, name, PositionRange{}, fmt.Sprintf("set aside, %d bytes: %s", x.Bytes, x.Holds))
}

func (c *checker) lookAside(x *AsideFile) (err error) {
	f, err := c.fs.Open(path.Join(c.dir, x.Name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if x.Bytes, err = f.Size(); err != nil {
		return fmt.Errorf("size: %w", err)
	}
	switch name := x.Name; {
	case strings.Contains(name, checkpointPrefix):
		x.Holds = "a checkpoint"
	case strings.HasSuffix(name, indexSuffix):
		x.Holds = "indexes; they were made anew from the log"
		if c.awaited(name[strings.LastIndex(name, "-")+1:]) {
			x.Holds = "indexes; the next start makes them anew from the log"
		}
	case strings.HasSuffix(name, startMarkName):
		x.Holds = "a start mark"
	case strings.HasSuffix(name, headerSuffix):
		x.Holds = "a damaged header of a segment"
	default:
		owners := make(map[model.PartitionID]*AsideHold)
		if err := c.scanAside(f, x, owners); err != nil {
			return err
		}
		x.Holds = fmt.Sprintf("%d entries of the log, of %d partitions", x.Entries, len(owners))
		for _, o := range owners {
			x.Owners = append(x.Owners, *o)
		}
		slices.SortFunc(x.Owners, func(a, b AsideHold) int { return cmp.Compare(a.Partition, b.Partition) })
	}
	return nil
}

// wasSetAside reports whether an index file has gone by a salvage that was asked
// to set all of them aside.
func (c *checker) wasSetAside(file string) bool {
	return slices.ContainsFunc(c.names, func(name string) bool {
		return strings.HasPrefix(name, quarantinePrefix) && strings.HasSuffix(name, "-"+file)
	})
}

// awaited reports whether a checkpoint names an index file that is not there.
func (c *checker) awaited(name string) bool {
	return !slices.Contains(c.names, name) && slices.ContainsFunc(c.recovery.checkpoints, func(k *checkpoint) bool { return k.names(name) })
}

// dropped reports whether a checkpoint can not be used for no other reason than
// that index files which it names were set aside.
func (c *checker) dropped(checkpoint string) bool {
	missing := 0
	for _, k := range c.recovery.checkpoints {
		if checkpointName(k.Generation) != checkpoint {
			continue
		}
		for _, x := range k.Indexes {
			name := index.FileName(x.ID)
			if slices.Contains(c.names, name) {
				continue
			}
			if missing++; !c.wasSetAside(name) {
				return false
			}
		}
	}
	return missing > 0
}

// names reports whether a checkpoint names an index file.
func (k *checkpoint) names(file string) bool {
	return slices.ContainsFunc(k.Indexes, func(x checkpointIndex) bool { return index.FileName(x.ID) == file })
}

// asideWindow is how much of a file that was set aside is read at once.
const asideWindow = 1 << 20

// scanAside finds the entries in a piece of a segment. Their places and salt
// are not known here, so a good header is all that is asked for.
func (c *checker) scanAside(f io.ReaderAt, x *AsideFile, owners map[model.PartitionID]*AsideHold) error {
	b := make([]byte, asideWindow+entryHeaderSize)
	for at := int64(0); at < x.Bytes; {
		n, err := f.ReadAt(b[:min(int64(len(b)), x.Bytes-at)], at)
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
			if h.Kind.holdsBatches() {
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
