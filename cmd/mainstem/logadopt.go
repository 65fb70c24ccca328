package main

import (
	"fmt"
	"io"

	"github.com/mainstem-mq/mainstem/cluster"
	"github.com/mainstem-mq/mainstem/internal/model"
	"github.com/mainstem-mq/mainstem/internal/vfs"
	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/log"
)

// metadataFirst refuses a salvage where the metadata is what is wrong, unless it
// is older than the log and the partitions are to be adopted.
func metadataFirst(report *log.CheckReport, adopt bool) error {
	for i := range report.Findings {
		f := &report.Findings[i]
		if f.Kind != log.KindOfMetadata || f.Severity != log.SeverityDamage || len(report.Unknown) > 0 && adopt {
			continue
		}
		advice := ""
		if len(report.Unknown) > 0 {
			advice = "; " + f.Advice
		}
		return couldNotRun{fmt.Errorf("the metadata comes first, salvage can not mend it: %s%s; nothing was changed", f.Text, advice)}
	}
	return nil
}

// printAdoption says which topics will be made.
func printAdoption(out io.Writer, dir string, ids []model.PartitionID) error {
	p := &reportPrinter{out: out}
	if len(ids) > 0 {
		p.printf("\nwhat was set for them is not known either: no record of them goes by age or size (retention.ms=-1, retention.bytes=-1)\n")
	}
	p.table(fmt.Sprintf("TOPICS WILL BE MADE in the metadata of %s, for partitions whose names it does not know", dir), "", len(ids), func(w io.Writer, i int) error {
		_, err := fmt.Fprintf(w, "  %s\n", cluster.AdoptedName(ids[i]))
		return err
	})
	if p.err != nil {
		return fmt.Errorf("write output: %w", p.err)
	}
	return nil
}

// adopt makes the topics.
func adopt(fsys vfs.FS, dir string, ids []model.PartitionID, out io.Writer) error {
	if len(ids) == 0 {
		return nil
	}
	if err := cluster.Adopt(fsys, dir, ids); err != nil {
		return fmt.Errorf("make topics for the unknown partitions: %w", err)
	}
	return printf(out, "%s made; copy their records to where they belong, and delete them\n", words.Counted(len(ids), "topic", "topics"))
}
